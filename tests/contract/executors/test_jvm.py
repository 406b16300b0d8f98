"""The JVM executor and inventory over real HTTP, against a stand-in management door that really frees its heap."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from pathlib import Path

import pytest
import uvicorn

from bot.adapters import jolokia
from bot.adapters.evidence.jvm import Jvm
from bot.adapters.executors.jvm import JvmExecutor
from bot.adapters.jolokia import Jolokia, opened
from bot.domain.actions.jvm import RUN_GC
from bot.domain.catalogue import planned_step
from bot.domain.errors import Permanent, Refused, Retryable, Undecided
from bot.domain.plan import PlannedStep
from bot.local.world.heaps import HeapPlan, Management, write_tokens
from bot.pipeline.execute.terms import Means

PLAN = HeapPlan("menu-api", max_mib=1024, live=0.5, garbage=0.46, tasks=4)


@dataclass
class Door:
    """The stand-in with what it knows, and clients of both roles."""

    management: Management
    url: str
    tokens: dict[str, str]

    def client(self, role: str) -> Jolokia:
        return Jolokia(self.url, next(token for token, name in self.tokens.items() if name == role))

    def step(self, number: int | None = None) -> PlannedStep:
        [(target, live)] = Jvm(self.client("reader")).find("jvm.service", "menu-api")
        return planned_step(
            RUN_GC, "collect", target, live, {"number": number or int(live["next_collection"])}
        )


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    tokens = write_tokens(tmp_path)
    management = Management(tokens)
    management.set_scene((PLAN,), time.time())
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        bound.listen()  # Who calls before the server runs is kept waiting, not sent away.
        server = uvicorn.Server(uvicorn.Config(management.app, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
        thread.start()
        port = bound.getsockname()[1]
        yield Door(management, f"http://127.0.0.1:{port}/jvm/{{service}}/jolokia/", tokens)
        server.should_exit = True
        thread.join(5)


def test_a_collection_frees_the_heap_and_reads_back(door: Door) -> None:
    executor, step = JvmExecutor(door.client("executor")), door.step()
    before = executor.read(step.target)
    executor.dry_run(step)
    assert not executor.settled(step, token="t")
    assert executor.read(step.target) == before
    assert "is now 54 % full" in executor.call(step, token="t")
    assert executor.settled(step, token="t")
    assert (before["heap_used_percent"], before["heap_max_mib"]) == ("96", "1024")
    assert [record.status for record in door.management.records] == [200]


def test_there_is_nothing_to_undo(door: Door) -> None:
    step = door.step()
    assert (step.undo_params, step.undo_command) == ({}, ())


def test_a_service_without_a_door_has_no_jvm(door: Door) -> None:
    assert Jvm(door.client("reader")).find("jvm.service", "pricing-api") == []
    assert Jvm(door.client("reader")).find("k8s.deployment", "menu-api") == []


def test_a_collection_that_ran_is_not_run_again(door: Door) -> None:
    executor, step = JvmExecutor(door.client("executor")), door.step()
    executor.call(step, token="t")
    with pytest.raises(Refused, match="has run already"):
        executor.call(step, token="t")
    assert len(door.management.records) == 1


def test_a_heap_with_room_is_left_alone(door: Door) -> None:
    step = door.step()
    door.management.set_scene(
        (replace(PLAN, live=0.3, garbage=0.1),), door.management.heaps["menu-api"].started_at + 250_000
    )
    with pytest.raises(Refused, match="would cost more than it gives"):
        JvmExecutor(door.client("executor")).call(step, token="t")


def test_a_restarted_jvm_is_another_one(door: Door) -> None:
    step = door.step()
    door.management.heaps["menu-api"].started_at += 60
    with pytest.raises(Refused, match="was restarted"):
        JvmExecutor(door.client("executor")).call(step, token="t")
    assert door.management.records == []


def test_the_reader_may_not_collect(door: Door) -> None:
    with pytest.raises(Permanent, match="refused: 403"):
        JvmExecutor(door.client("reader")).call(door.step(), token="t")
    assert door.management.heaps["menu-api"].collections == 0


def test_a_changed_command_is_refused(door: Door) -> None:
    step = replace(door.step(), command=("jolokia", "exec", "java.lang:type=Memory", "restart"))
    with pytest.raises(Refused, match="not the catalogue's"):
        JvmExecutor(door.client("executor")).call(step, token="t")


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (500, b"", Retryable),
        (401, b"", Permanent),
        (200, b"<html>", Permanent),
        (200, b'{"status": 404, "error": "no such MBean"}', Permanent),
        (200, b'{"status": 200, "value": {}}', Permanent),
        (200, b'{"status": 200}', Permanent),
    ],
)
def test_trouble_at_the_door_is_an_error_of_ours(status: int, body: bytes, error: type[Exception]) -> None:
    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        door = Jolokia(f"http://127.0.0.1:{server.server_port}/{{service}}", "t")
        with pytest.raises(error):
            door.live("menu-api")
        if error is Retryable:
            with pytest.raises(Undecided):
                door.collect("menu-api")
        server.shutdown()
    with pytest.raises(Retryable):
        Jolokia(f"http://127.0.0.1:{server.server_port}/{{service}}", "t").collect("menu-api")


def test_a_slow_door_is_not_asked_to_collect(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each read is in time by itself; together they would leave too little of the lease for a collection."""
    asked: list[str] = []
    step = door.step()

    class Slow(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["type"])
            time.sleep(0.15)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"status": 200, "value": 1}).encode())

        def log_message(self, *_: object) -> None:
            return

    monkeypatch.setattr(jolokia, "LOOK_S", 0.3)
    with ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        slow = Jolokia(f"http://127.0.0.1:{server.server_port}/{{service}}", "t")
        with pytest.raises(Retryable):
            JvmExecutor(slow).call(step, token="t")
        server.shutdown()
    assert set(asked) == {"read"}


def test_a_call_is_over_within_the_lease() -> None:
    [lease_s] = [one.default for one in fields(Means) if one.name == "lease_s"]
    assert isinstance(lease_s, float)
    assert lease_s > 2 * jolokia.LOOK_S + jolokia.COLLECT_S


def test_wrong_settings_say_which(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match="service"):
        opened("http://127.0.0.1:1/jolokia", tmp_path / "token")
    with pytest.raises(Permanent, match="cannot be read"):
        opened("http://127.0.0.1:1/{service}", tmp_path / "token")
