"""A TLS proxy before a cluster's API that spoils the answers to writes: hangs up after doing, hangs, or says 409."""

import contextlib
import json
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx

from bot.local.cluster.identity import write_certificate, write_kubeconfig
from tests.contract.kube.cluster import Cluster

HANG_UP, HANG, CONFLICT, BUSY = "hang up after doing", "hang", "conflict", "busy"
_STATUS = {
    CONFLICT: (
        409,
        "Conflict",
        "the object has been modified; please apply your changes to the latest version",
    ),
    BUSY: (429, "TooManyRequests", "the server has received too many requests"),
}


@dataclass
class Interference:
    """What happens to writes: an empty `mode` lets them pass; `spoilt` counts."""

    mode: str = ""
    spoilt: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextlib.contextmanager
def interfered(cluster: Cluster, folder: Path) -> Iterator[tuple[Cluster, Interference]]:
    """The same cluster behind the proxy, for the executor, and the handle that turns trouble on."""
    known = json.loads(cluster.configs["executor"].read_text(encoding="utf-8"))
    upstream = known["clusters"][0]["cluster"]["server"]
    certificate = write_certificate(folder)
    trouble = Interference()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(upstream, trouble))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate, certificate.key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    config = folder / "proxied.kubeconfig"
    url = f"https://127.0.0.1:{server.server_address[1]}"
    write_kubeconfig(
        config,
        url=url,
        token=known["users"][0]["user"]["token"],
        user="executor",
        certificate=certificate.certificate,
    )
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield Cluster(cluster.name, {**cluster.configs, "executor": config}, folder), trouble
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def _handler(upstream: str, trouble: Interference) -> type[BaseHTTPRequestHandler]:
    client = httpx.Client(base_url=upstream, verify=False, trust_env=False, timeout=20)
    return type("Bound", (_Proxy,), {"client": client, "trouble": trouble})


class _Proxy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    client: httpx.Client
    trouble: Interference

    def log_message(self, *_: object) -> None:
        return

    def do_GET(self) -> None:
        self._relay("")

    def do_PATCH(self) -> None:
        self._relay(self.trouble.mode)

    def do_PUT(self) -> None:
        self._relay(self.trouble.mode)

    def do_POST(self) -> None:
        self._relay(self.trouble.mode)

    def _relay(self, mode: str) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if mode and "dryRun" not in self.path:
            with self.trouble.lock:
                self.trouble.spoilt += 1
            self._spoil(mode, body)
            return
        answer = self._forward(body)
        self._answer(answer.status_code, answer.content, answer.headers.get("content-type", ""))

    def _spoil(self, mode: str, body: bytes) -> None:
        if mode in _STATUS:
            code, reason, message = _STATUS[mode]
            status = {
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                "message": f'Operation cannot be fulfilled on "it": {message}', "reason": reason, "code": code,
            }  # fmt: skip
            self._answer(code, json.dumps(status).encode(), "application/json")
            return
        if mode == HANG:
            time.sleep(6)
        else:
            self._forward(body)
        self.close_connection = True

    def _forward(self, body: bytes) -> httpx.Response:
        kept = {"authorization", "content-type", "accept"}
        headers = {name: text for name, text in self.headers.items() if name.lower() in kept}
        return self.client.request(self.command, self.path, content=body, headers=headers)

    def _answer(self, code: int, body: bytes, kind: str) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
