"""A front before the AWS test server that fails changing calls on demand, and counts them."""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx

from bot.local.world.aws.calls import AwsCall, read_call


class Fault(StrEnum):
    """What happens to a changing call."""

    NONE = "none"
    THROTTLED = "throttled"
    EXPIRED = "expired"
    UNAVAILABLE = "unavailable"
    DONE_THEN_FAILED = "done_then_failed"
    DONE_THEN_GONE = "done_then_gone"


_ANSWERS = {
    Fault.THROTTLED: (400, "ThrottlingException"),
    Fault.EXPIRED: (403, "ExpiredTokenException"),
    Fault.UNAVAILABLE: (503, "ServiceUnavailable"),
    Fault.DONE_THEN_FAILED: (500, "InternalFailure"),
}


@dataclass
class FaultyFront:
    """`writes` are the changing calls that arrived, `landed` those that were forwarded; `only` picks one of several.

    Where `draw` is given, it says for every call what happens to it, and `fault` says nothing.
    """

    behind: str
    fault: Fault = Fault.NONE
    only: str = ""
    writes: list[str] = field(default_factory=list)
    landed: list[str] = field(default_factory=list)
    draw: Callable[[AwsCall], Fault] | None = None
    url: str = ""

    def happens(self, call: AwsCall) -> Fault:
        """What is to happen to the call."""
        if self.draw is not None:
            return self.draw(call)
        spared = call.reading or self.only not in ("", call.action)
        return Fault.NONE if spared else self.fault


class _Door(BaseHTTPRequestHandler):
    front: FaultyFront
    http: httpx.Client

    def do_GET(self) -> None:
        self._any()

    def do_POST(self) -> None:
        self._any()

    def do_PUT(self) -> None:
        self._any()

    def _any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        call = read_call(self.command, path, query, headers, body)
        fault = self.front.happens(call)
        if not call.reading:
            self.front.writes.append(call.action)
        if fault in (Fault.THROTTLED, Fault.EXPIRED, Fault.UNAVAILABLE):
            self._fail(call, fault)
            return
        if not call.reading:
            self.front.landed.append(call.action)
        kept = {name: value for name, value in headers.items() if name not in ("host", "connection")}
        answer = self.http.request(self.command, self.front.behind + self.path, content=body, headers=kept)
        if fault is Fault.DONE_THEN_FAILED:
            self._fail(call, fault)
        elif fault is Fault.DONE_THEN_GONE:
            self.close_connection = True
        else:
            kind = {"Content-Type": answer.headers.get("content-type", "")}
            self._send(answer.status_code, kind, answer.content)

    def _fail(self, call: AwsCall, fault: Fault) -> None:
        status, code = _ANSWERS[fault]
        if call.json_protocol or call.service == "lambda":
            text = json.dumps({"__type": code, "message": "injected"})
        else:
            text = f"<ErrorResponse><Error><Code>{code}</Code><Message>injected</Message></Error></ErrorResponse>"
        self._send(status, {"x-amzn-ErrorType": code}, text.encode())

    def _send(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        return


@contextlib.contextmanager
def faulty_front(behind: str) -> Iterator[FaultyFront]:
    """A running front; set its `fault`."""
    front = FaultyFront(behind)
    with httpx.Client(trust_env=False, timeout=10) as http:
        door = type("Door", (_Door,), {"front": front, "http": http})
        server = ThreadingHTTPServer(("127.0.0.1", 0), door)
        Thread(target=server.serve_forever, daemon=True).start()
        front.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield front
        finally:
            server.shutdown()
            server.server_close()
