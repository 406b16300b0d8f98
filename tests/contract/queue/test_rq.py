"""The RQ queue on a real Valkey: pokes get there, and however many there are, only so many wait."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError
from rq.job import Job
from rq.serializers import JSONSerializer

from bot.adapters.queue import rq
from bot.adapters.queue.rq_cron import Timetable
from bot.domain.errors import Retryable
from tests.e2e.command import end, free_port, spawned


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    port = free_port()
    server = spawned(
        "valkey",
        "--port",
        str(port),
        "--data-dir",
        str(tmp_path / "valkey"),
        settings={},
        log=tmp_path / "log",
    )
    try:
        _answers(port)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        end(server)


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
