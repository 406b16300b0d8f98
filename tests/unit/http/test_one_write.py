"""What a response is made of leaves together; a head whose body comes later does not wait for it."""

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from bot.http.one_write import OneWrite

HEAD = b"GET %s HTTP/1.1\r\nHost: loopback\r\n\r\n"
LATER_S = 0.1


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
    if scope["path"] == "/later":
        await asyncio.sleep(LATER_S)
    await send({"type": "http.response.body", "body": b"body"})


@pytest.fixture
def wire() -> Iterator[socket.socket]:
    """A connection to a server of this process."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(app, http=OneWrite, ws="none", log_config=None, access_log=False, lifespan="off")
    )
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    with socket.create_connection(listening.getsockname(), timeout=10) as client:
        yield client
    server.should_exit = True
    thread.join(10)


def test_head_and_body_come_together(wire: socket.socket) -> None:
    wire.sendall(HEAD % b"/now")
    assert wire.recv(65536).endswith(b"\r\n\r\nbody")


def test_a_head_does_not_wait_for_its_body(wire: socket.socket) -> None:
    wire.sendall(HEAD % b"/later")
    assert wire.recv(65536).endswith(b"\r\n\r\n")
    assert wire.recv(65536) == b"body"


def test_calls_sent_in_one_go_are_answered_in_their_order(wire: socket.socket) -> None:
    wire.sendall(HEAD % b"/later" + HEAD % b"/now" + b"GET /now HTTP/1.1\r\nConnection: close\r\n\r\n")
    read = b""
    while more := wire.recv(65536):
        read += more
    assert read.count(b"HTTP/1.1 200") == read.count(b"body") == 3
    assert read.endswith(b"connection: close\r\n\r\nbody")
