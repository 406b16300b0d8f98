"""Several uvicorn servers in one event loop, without each of them catching signals for itself."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp


class QuietServer(uvicorn.Server):
    """A server that leaves signals to its owner; set `should_exit` to end it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Catch none."""
        yield


def bound(port: int) -> socket.socket:
    """A socket bound to the port on 127.0.0.1; OSError that names the port where it is taken."""
    one = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        one.bind(("127.0.0.1", port))
    except OSError as error:
        one.close()
        raise OSError(error.errno, f"port {port} on 127.0.0.1 is taken") from error
    return one


def server(app: ASGIApp, certificate: Path | None = None, key: Path | None = None) -> QuietServer:
    """A server to be run on a bound socket, over TLS where a certificate is given."""
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        lifespan="off",
        ssl_certfile=certificate,
        ssl_keyfile=key,
        timeout_graceful_shutdown=1,
    )
    return QuietServer(config)
