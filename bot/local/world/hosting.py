"""Several uvicorn servers in one event loop, without each of them catching signals for itself."""

import contextlib
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


def server(app: ASGIApp, port: int, certificate: Path | None = None, key: Path | None = None) -> QuietServer:
    """A server on 127.0.0.1, over TLS where a certificate is given."""
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=port,
        log_level="warning",
        access_log=False,
        lifespan="off",
        ssl_certfile=certificate,
        ssl_keyfile=key,
        timeout_graceful_shutdown=1,
    )
    return QuietServer(config)
