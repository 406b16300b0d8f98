"""A loopback HTTP endpoint that answers each path with what a test gave it."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

Reply = Callable[[dict[str, str]], tuple[int, bytes]]


class Door(BaseHTTPRequestHandler):
    """Serves one request by the endpoint's reply."""

    server: "Endpoint"

    def do_GET(self) -> None:
        self._serve(urlsplit(self.path).query)

    def do_POST(self) -> None:
        self._serve(self.rfile.read(int(self.headers["Content-Length"])).decode())

    def _serve(self, form: str) -> None:
        given = {name: values[0] for name, values in parse_qs(form).items()}
        self.server.asked.append(given)
        status, body = self.server.reply(given)
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            return

    def log_message(self, *_: object) -> None:
        return


class Endpoint(ThreadingHTTPServer):
    """`reply` maps the request's parameters to status and body."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Door)
        self.asked: list[dict[str, str]] = []
        self.reply: Reply = lambda _given: (200, b"{}")
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@dataclass
class Hang:
    """A reply that comes too late; `waited_out` says whether anybody was still there."""

    seconds: float = 30.0
    waited_out: bool = False

    def __call__(self, given: dict[str, str]) -> tuple[int, bytes]:
        time.sleep(self.seconds)
        self.waited_out = True
        return 200, b"{}"
