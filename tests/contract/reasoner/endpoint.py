"""A real loopback endpoint that speaks the OpenAI chat protocol and behaves as badly as it is told to."""

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[["Door"], None]


def completion(content: str | None, **message: Any) -> dict[str, Any]:
    """A chat completion with that content."""
    return {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": content, **message},
            }
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }


class Door(BaseHTTPRequestHandler):
    """One request; the endpoint's current answer decides what happens."""

    server: "Endpoint"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append(json.loads(body))
        self.server.headers_seen.append(dict(self.headers))
        try:
            self.server.answer(self)
        except (BrokenPipeError, ConnectionResetError):
            return

    def send(self, status: int, body: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


class Endpoint(ThreadingHTTPServer):
    """`answer` is replaced by each test."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Door)
        self.requests: list[dict[str, Any]] = []
        self.headers_seen: list[dict[str, str]] = []
        self.answer: Answer = says("")
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


def says(content: str | None, **message: Any) -> Answer:
    """Answer with that content."""
    return lambda door: door.send(200, json.dumps(completion(content, **message)).encode())


def tells(*sentences: tuple[str, list[str]]) -> Answer:
    """Answer with sentences in the agreed shape."""
    return says(json.dumps({"sentences": [{"text": text, "cites": cites} for text, cites in sentences]}))


def fails(status: int) -> Answer:
    """Answer with an error of the protocol."""
    body = json.dumps({"error": {"message": "no", "type": "x", "code": "x"}}).encode()
    return lambda door: door.send(status, body)


def hangs(seconds: float) -> Answer:
    """Accept the request and stay silent."""
    return lambda _door: time.sleep(seconds)


def drips(door: Door) -> None:
    """Send a byte now and then, for ever."""
    door.send_response(200)
    door.send_header("Content-Type", "application/json")
    door.end_headers()
    for _ in range(200):
        door.wfile.write(b" ")
        door.wfile.flush()
        time.sleep(0.1)
