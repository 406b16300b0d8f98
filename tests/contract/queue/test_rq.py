"""The RQ queue on a real Valkey: pokes get there, and however many there are, only so many wait."""

import os
import random
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError
from rq.job import Job
from rq.serializers import JSONSerializer

from bot.adapters.queue import rq
from bot.adapters.queue.kept_child import KeptChild
from bot.adapters.queue.rq_cron import Timetable
from bot.adapters.queue.rq_workers import ApartWorker, worker_on
from bot.domain.errors import Retryable
from bot.ports import JobQueue
from bot.wiring import worker
from tests.e2e.command import end, free_port, spawned


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port, folder = free_port(), tmp_path_factory.mktemp("valkey")
    running = spawned(
        "valkey", "--port", str(port), "--data-dir", str(folder), settings={}, log=folder / "log"
    )  # fmt: skip
    try:
        _answers(port)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        end(running)


@pytest.fixture
def url(server: str) -> str:
    """The server, empty."""
    with Redis.from_url(server) as probe:
        probe.flushall()
    return server


def _answers(port: int) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            with Redis(port=port) as probe:
                probe.ping()
        except RedisError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            return


def test_pokes_wait_in_their_queue_up_to_a_bound(url: str) -> None:
    queue = rq.build(url)
    for row in range(3 * rq.MOST_WAITING):
        queue.poke("bot.jobs.work", row)
    queue.poke("bot.jobs.correlate", 0)
    with Redis.from_url(url) as server:
        assert server.llen("rq:queue:investigate") == rq.MOST_WAITING
        assert server.llen("rq:queue:correlate") == 1


def test_a_server_that_is_away_is_retryable() -> None:
    with pytest.raises(Retryable):
        rq.build(f"redis://127.0.0.1:{free_port()}/0").poke("bot.jobs.work", 1)


def test_the_timetable_enqueues_as_we_do(url: str) -> None:
    """What RQ's own scheduler enqueued would be pickled, and refused by our workers."""
    table = Timetable(rq.connect(url))
    table.every(60, "bot.jobs.watch")
    assert (table.tick(), table.tick()) == (1, 0)
    with Redis.from_url(url) as server:
        [job_id] = server.lrange("rq:queue:investigate", 0, -1)
        job = Job.fetch(job_id.decode(), connection=server, serializer=JSONSerializer)
    assert (job.func_name, list(job.args), job.ttl) == ("bot.jobs.watch", [0], 60)
    assert Timetable(rq.connect(f"redis://127.0.0.1:{free_port()}/0")).tick() == 0


def test_a_worker_outlives_jobs_that_hang_or_die(
    url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The time limit reaches what the child does, however deaf that is, and nothing of a job stays in Redis."""
    done = tmp_path / "done"
    ways: dict[int, Callable[[], object]] = {
        1: lambda: time.sleep(600),
        2: lambda: os.kill(os.getpid(), signal.SIGKILL),
        3: done.touch,
    }
    monkeypatch.setattr(worker, "work_on", lambda task: ways[task]())
    child = KeptChild(_deaf)
    own = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)}
    with Redis.from_url(url) as server:
        serving = worker_on(server, "investigate", partial(ApartWorker, child=child))
        for task in ways:
            serving.queues[0].enqueue("bot.jobs.work", task, job_timeout=1, result_ttl=0)
        serving.work(burst=True, logging_level="CRITICAL")
        assert server.keys("rq:job:*") + server.keys("rq:queue:*") == []
    child.end()
    for number, action in own.items():
        signal.signal(number, action)
    assert done.exists()


def _deaf() -> None:
    signal.signal(signal.SIGALRM, signal.SIG_IGN)


class LossyRoad:
    """A TCP road to the server: one request in ten is cut off before it arrives, as many answers are lost."""

    def __init__(self, port: int, dice: random.Random) -> None:
        self.behind, self.dice = port, dice
        self.cut = 0
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                caller, _ = self.listening.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(caller,), daemon=True).start()

    def _carry(self, caller: socket.socket) -> None:
        with caller, socket.create_connection(("127.0.0.1", self.behind)) as server:
            while request := caller.recv(65536):
                drawn = self.dice.random()
                if drawn < 0.2:
                    self.cut += 1
                if drawn < 0.1:
                    return
                server.sendall(request)
                answer = server.recv(65536)
                if drawn < 0.2:
                    return
                caller.sendall(answer)


def test_a_road_that_loses_calls_and_answers_leaves_no_half_job(url: str) -> None:
    """Whoever pokes is told and comes again; what waits is whole, each row is there, and no more than so many wait."""
    road = LossyRoad(int(url.rpartition(":")[2].partition("/")[0]), random.Random(6))
    queue = rq.build(f"redis://127.0.0.1:{road.port}/0")
    for row in range(rq.MOST_WAITING // 2):
        while not _poked(queue, row):
            pass
    road.listening.close()
    assert road.cut
    with Redis.from_url(url) as server:
        waiting = [job.decode() for job in server.lrange("rq:queue:investigate", 0, -1)]
        jobs = [Job.fetch(job, connection=server, serializer=JSONSerializer) for job in waiting]
    assert {job.args[0] for job in jobs} == set(range(rq.MOST_WAITING // 2))
    assert len(jobs) <= rq.MOST_WAITING // 2 + road.cut
    assert {job.func_name for job in jobs} == {"bot.jobs.work"}


def _poked(queue: JobQueue, row: int) -> bool:
    try:
        queue.poke("bot.jobs.work", row)
    except Retryable:
        return False
    return True
