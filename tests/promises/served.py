"""The product's web application on a real loopback port, and a client that may also speak bad HTTP."""

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass

import uvicorn
from starlette.applications import Starlette

from bot.adapters import registry
from bot.adapters.store.sql import SqlStore
from bot.domain.secret import SecretStr
from bot.http.app import build_http
from bot.http.front import Front
from bot.http.group_commit import GroupCommit
from bot.http.health import HealthPorts
from bot.http.intake import IntakePorts
from bot.settings import Source
from bot.wiring.parts import SystemClock

HOST = "127.0.0.1"
ALERTMANAGER_TOKEN, GENERIC_TOKEN = "a1" * 20, "b2" * 20
SOURCES: Mapping[str, Source] = {
    "prod": Source(kind="alertmanager", token=SecretStr(ALERTMANAGER_TOKEN)),
    "scripts": Source(kind="generic", token=SecretStr(GENERIC_TOKEN)),
}
PARSERS = {kind: registry.module("monitoring", kind).build() for kind in ("alertmanager", "generic")}


def alert_body(mark: str, count: int = 1) -> bytes:
    """A genuine Alertmanager webhook with `count` alerts that carry `mark`."""
    alerts = [
        {
            "status": "firing",
            "labels": {"alertname": "Errors", "service": "checkout", "instance": f"{mark}-{at}"},
            "annotations": {"summary": f"errors seen by {mark}"},
            "startsAt": "2026-05-04T03:10:00Z",
        }
        for at in range(count)
    ]
    return json.dumps({"version": "4", "alerts": alerts}).encode()


@contextlib.contextmanager
def served(store: SqlStore, silent_s: int = 5) -> Iterator[int]:
    """Serve intake and health from a thread of its own, which ends connections silent for so long; gives the port."""
    clock = SystemClock()
    commits = GroupCommit(store, lambda: None)

    @contextlib.asynccontextmanager
    async def beside(app: Starlette) -> AsyncIterator[None]:
        assert app.state.intake.commits is commits
        task = asyncio.create_task(commits.run())
        yield
        task.cancel()

    app = build_http(
        IntakePorts(SOURCES, PARSERS, commits, clock), HealthPorts(store, clock, (), "observe"), beside
    )
    with hosted(app, silent_s) as port:
        yield port


@contextlib.contextmanager
def hosted(app: Starlette, silent_s: int = 5) -> Iterator[int]:
    """Serve any application from a thread of its own; gives the port."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind((HOST, 0))
    config = uvicorn.Config(
        app, http=Front, ws="none", log_config=None, access_log=False, timeout_keep_alive=silent_s
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    until = time.monotonic() + 10
    while not server.started and time.monotonic() < until:
        time.sleep(0.01)
    assert server.started, "the web application did not start"
    try:
        yield int(listening.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(10)


@dataclass(frozen=True, slots=True)
class Wire:
    """One request as bytes; `headers` are sent as they are, doubled or unreadable ones too."""

    method: bytes
    path: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    def head(self) -> bytes:
        """Request line and headers; the length is always true."""
        lines = [b"%s %s HTTP/1.1" % (self.method, self.path), b"Host: loopback"]
        lines += [name + b": " + value for name, value in self.headers]
        return b"\r\n".join([*lines, b"Content-Length: %d" % len(self.body), b"", b""])


class Talk:
    """A kept-alive connection that is opened again whenever the server closes it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def status(self, wire: Wire) -> int:
        """Send and return the status; 0 where the server closed the connection without an answer."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(HOST, self._port)
        reader, writer = self._streams
        sending = asyncio.create_task(_send(writer, wire.head() + wire.body))
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
            length = _length(head)
            await reader.readexactly(0 if wire.method == b"HEAD" else length)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.close()
            return 0
        finally:
            sending.cancel()
        if b"connection: close" in head.lower() or not sending.done() or len(wire.body) > 1 << 20:
            self.close()
        return int(head.split(b" ", 2)[1])

    def close(self) -> None:
        """Give the connection up."""
        if self._streams is not None:
            self._streams[1].close()
        self._streams = None


async def _send(writer: asyncio.StreamWriter, data: bytes) -> None:
    with contextlib.suppress(ConnectionError):
        writer.write(data)
        await writer.drain()


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.split(b":")[1])
    return 0
