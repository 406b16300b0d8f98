"""An answer that drips, or never ends, is an error within a bounded time and size."""

import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from bot.adapters.bounded_http import bounded_client
from bot.local.cluster.identity import write_certificate


class Dripping(BaseHTTPRequestHandler):
    """Each byte comes well within any timeout; /fast does not wait."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            for _ in range(600):
                self.wfile.write(b"x" if self.path == "/slow" else b"x" * 10_000)
                time.sleep(0.05 if self.path == "/slow" else 0.0)
        except OSError:
            return

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Dripping)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_drip_ends(url: str) -> None:
    begun = time.monotonic()
    with pytest.raises(httpx.ReadTimeout, match="too slowly"), bounded_client(0.3) as client:
        client.get(f"{url}/slow")
    assert time.monotonic() - begun < 15.0, "all of it would take half a minute"


def test_a_flood_ends(url: str) -> None:
    with pytest.raises(httpx.ReadError, match="too long"), bounded_client(20.0, most_bytes=100_000) as client:
        client.get(f"{url}/fast")
    with bounded_client(20.0) as client:
        assert len(client.get(f"{url}/fast").content) == 6_000_000


def test_a_client_for_plain_http_trusts_no_certificate(tmp_path: Path) -> None:
    """Where HTTPS is spoken all the same, it fails; one for HTTPS trusts the authorities alone."""
    made = write_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Dripping)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        for url in ("http://somewhere", "https://somewhere"):
            with (
                bounded_client(2.0, url=url) as client,
                pytest.raises(httpx.ConnectError, match="CERTIFICATE"),
            ):
                client.get(f"https://127.0.0.1:{server.server_port}/fast")
    finally:
        server.shutdown()
        server.server_close()
