"""Ordinary calls of the intake are answered as ASGI answers them, however they come and whatever becomes of the sender."""

import contextlib
import gc
import json
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.adapters.monitoring.alertmanager import Alertmanager
from bot.adapters.store.migrate import bring_up_to_date
from bot.adapters.store.parts.base import Keys
from bot.adapters.store.sealing import Sealer
from bot.adapters.store.sql import SqlStore, open_engine
from bot.domain.delivery import Delivery
from bot.http.front import Front
from tests.promises.served import ALERTMANAGER_TOKEN, alert_body, served

CHUNK = 1000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    engine = open_engine(f"sqlite:///{tmp_path}/front.sqlite3")
    bring_up_to_date(engine, tmp_path)
    opened = SqlStore(engine, "main", Keys(b"a" * 32, Sealer(b"s" * 32)))
    yield opened
    opened.close()


@pytest.fixture
def wire(store: SqlStore) -> Iterator[socket.socket]:
    with served(store) as port, socket.create_connection(("127.0.0.1", port), timeout=20) as stream:
        yield stream


def call(body: bytes, *more: str, kind: str = "alertmanager", token: str = ALERTMANAGER_TOKEN) -> bytes:
    lines = [
        f"POST /alerts/{kind} HTTP/1.1",
        "Host: loopback",
        f"Authorization: Bearer {token}",
        f"Content-Length: {len(body)}",
        *more,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def answer(wire: socket.socket) -> tuple[int, dict[str, str], bytes]:
    read = wire.makefile("rb", buffering=0)
    status = int(read.readline().split()[1])
    headers = dict(iter(lambda: read.readline().decode().rstrip().partition(": ")[::2], ("", "")))
    return status, headers, read.read(int(headers["content-length"])) or b""


def kept(store: SqlStore) -> list[bytes]:
    return [row.body for row in store.read(lambda tx: tx.pending_raw(limit=100))]


def test_the_answer_is_what_asgi_says(wire: socket.socket, store: SqlStore) -> None:
    body = alert_body("one", 3)
    wire.sendall(call(body))
    status, headers, said = answer(wire)
    wire.sendall(
        call(body).replace(f"Content-Length: {len(body)}\r\n".encode(), b"Transfer-Encoding: chunked\r\n")[
            : -len(body)
        ]
        + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    )
    assert (status, said) == answer(wire)[::2] == (200, b'{"accepted":3}')
    assert {"date", "server", "content-type"} <= headers.keys()
    assert kept(store) == [body, body]


def test_many_in_one_go_and_one_in_pieces(wire: socket.socket, store: SqlStore) -> None:
    bodies = [alert_body(f"go {n}", 40) for n in range(6)]
    sent = b"".join(map(call, bodies))
    for at in range(0, len(sent), CHUNK):
        wire.sendall(sent[at : at + CHUNK])
    assert [answer(wire)[0] for _ in bodies] == [200] * 6
    assert sorted(kept(store)) == sorted(bodies)


def test_refusals(wire: socket.socket, store: SqlStore) -> None:
    wire.sendall(call(b"{}"))
    assert answer(wire)[0] == 400
    wire.sendall(call(b"{}", token="x" * 40))
    assert answer(wire)[0] == 401
    wire.sendall(call(b"{}", kind="alertmanager?token=" + ALERTMANAGER_TOKEN, token="y" * 40))
    assert answer(wire)[0] == 401
    wire.sendall(call(b"{}", f"Authorization: Bearer {ALERTMANAGER_TOKEN}"))
    assert answer(wire)[0] == 401
    assert kept(store) == []


def test_a_head_known_but_for_a_byte_is_proved_anew(wire: socket.socket, store: SqlStore) -> None:
    honest, forged = call(alert_body("known")), call(alert_body("known"), token="x" * 40)
    assert len(honest) == len(forged)
    for sent, status in ((honest, 200), (forged, 401), (honest, 200)):
        wire.sendall(sent)
        assert answer(wire)[0] == status
    assert len(kept(store)) == 2


@pytest.mark.parametrize(
    "length", ["+%d", "0x%x", "%d, 5", "%d\r\nContent-Length: 5", "%d\r\nTransfer-Encoding: chunked"]
)
def test_a_known_head_whose_length_is_unclear_is_refused(
    wire: socket.socket, store: SqlStore, length: str
) -> None:
    body = alert_body("known")
    wire.sendall(call(body))
    assert answer(wire)[0] == 200
    unclear = call(body).replace(f"Length: {len(body)}".encode(), f"Length: {length % len(body)}".encode())
    wire.sendall(unclear)
    assert answer(wire)[0] == 400
    assert kept(store) == [body]


def test_a_body_over_the_limit_is_refused_before_it_is_read(wire: socket.socket) -> None:
    said = call(b"").replace(b"Content-Length: 0", b"Content-Length: %d" % (1 << 40))
    wire.sendall(said)
    with contextlib.suppress(OSError):
        for _ in range(2000):
            wire.sendall(b" " * 65536)
    assert answer(wire)[0] == 413


def test_the_connection_ends_where_the_sender_asks_for_it(wire: socket.socket) -> None:
    wire.sendall(call(alert_body("last"), "Connection: close"))
    assert answer(wire)[1]["connection"] == "close"
    assert wire.recv(1) == b""


def test_a_silent_connection_ends_and_one_that_speaks_does_not(store: SqlStore) -> None:
    with served(store, 1) as port, socket.create_connection(("127.0.0.1", port), timeout=20) as wire:
        for mark in ("one", "two", "three"):
            wire.sendall(call(alert_body(mark)))
            assert answer(wire)[0] == 200
        assert wire.recv(1) == b""


def test_a_connection_reset_in_mid_call_leaves_nothing_behind(store: SqlStore) -> None:
    def fronts() -> int:
        gc.collect()
        return sum(isinstance(one, Front) for one in gc.get_objects())

    with served(store, 1) as port:
        before = fronts()
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", port), timeout=20) as wire:
                wire.sendall(call(alert_body("heard")))
                assert answer(wire)[0] == 200
                wire.sendall(call(alert_body("reset")))
                wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        until = time.monotonic() + 10
        while fronts() > before + 1 and time.monotonic() < until:
            time.sleep(0.3)
        assert fronts() <= before + 1


def test_very_many_refused_in_one_go_are_all_answered(wire: socket.socket, store: SqlStore) -> None:
    many = 1200
    wire.sendall(call(b"{}") * many + call(alert_body("last")))
    read = wire.makefile("rb")
    statuses = []
    for _ in range(many + 1):
        statuses.append(read.readline().split()[1])
        head = dict(line.split(b": ", 1) for line in iter(read.readline, b"\r\n"))
        read.read(int(head[b"content-length"]))
    assert statuses == [b"400"] * many + [b"200"]
    assert kept(store) == [alert_body("last")]


@pytest.mark.parametrize("sent", [call(b"{}"), b"GET /metrics HTTP/1.1\r\n\r\n"])
def test_who_reads_no_answer_is_not_heard_until_it_does(wire: socket.socket, sent: bytes) -> None:
    most = 20 << 20  # Some of it waits in the kernel, which takes few answers.
    rest = memoryview(sent * (most // len(sent)))
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        slow.connect(wire.getpeername())
        slow.settimeout(0.3)
        with contextlib.suppress(TimeoutError):
            while rest:
                rest = rest[slow.send(rest[: 1 << 18]) :]
        assert len(rest) > most // 4
        slow.settimeout(20)
        answers, unread = 0, 1 << 22
        while unread > 0:
            read = slow.recv(1 << 20)
            assert read, "the connection was closed"
            answers, unread = answers + read.count(b"HTTP/1.1 "), unread - len(read)
    assert answers > 100


@pytest.mark.parametrize(
    "start", ["X-Long: ", "Transfer-Encoding: chunked\r\n\r\n0\r\nX-Long: ", "X: y\r\n" * 3]
)
def test_a_head_without_end_is_not_kept(wire: socket.socket, start: str) -> None:
    wire.sendall(f"POST /alerts/alertmanager HTTP/1.1\r\n{start}".encode())
    taken = 0
    with contextlib.suppress(ConnectionError):
        while taken < 1 << 24:
            wire.sendall(b"a" * 65536)
            taken += 65536
    assert taken < 1 << 24


@pytest.mark.parametrize("apart", [False, True])
def test_an_offer_of_another_protocol_costs_nothing(
    wire: socket.socket, store: SqlStore, apart: bool
) -> None:
    body = alert_body("offered")
    offered = call(body, "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk")
    for _ in range(2):
        wire.sendall(offered[: -len(body)])
        if apart:
            time.sleep(0.05)
        wire.sendall(body)
        assert answer(wire)[0] == 200
    assert kept(store) == [body, body]


def test_a_body_behind_an_offer_is_never_a_call_of_its_own(wire: socket.socket, store: SqlStore) -> None:
    hidden = call(alert_body("hidden"))
    offered = call(hidden, "Connection: upgrade", "Upgrade: other", kind="unknown")
    at = offered.index(b"pgrade: other")
    wire.sendall(offered[:at])
    time.sleep(0.05)
    wire.sendall(offered[at:])
    read = wire.makefile("rb").read()
    assert read.count(b"HTTP/1.1 ") == read.count(b"HTTP/1.1 400") == 1
    assert kept(store) == []


def test_a_sender_who_goes_away_leaves_its_alert(wire: socket.socket, store: SqlStore) -> None:
    wire.sendall(call(alert_body("gone")))
    wire.close()
    until = time.monotonic() + 10
    while not kept(store) and time.monotonic() < until:
        time.sleep(0.01)
    assert kept(store) == [alert_body("gone")]


def test_a_fault_of_ours_is_a_500_and_the_next_call_is_taken(
    wire: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest, faults = Alertmanager.parse, ["once"]

    def parse(self: Alertmanager, body: bytes, *, source: str, received_at: float) -> Delivery:
        if faults:
            raise NotImplementedError(faults.pop())
        return honest(self, body, source=source, received_at=received_at)

    monkeypatch.setattr(Alertmanager, "parse", parse)
    wire.sendall(call(alert_body("fault")) + call(alert_body("next")))
    status, _, said = answer(wire)
    assert (status, list(json.loads(said))) == (500, ["error"])
    assert answer(wire)[0] == 200
