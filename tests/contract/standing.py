"""A stand-in's server for as long as a test needs it, and no longer."""

from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import BaseServer
from typing import TypeVar

Served = TypeVar("Served", bound=BaseServer)


@contextmanager
def standing(server: Served) -> Iterator[Served]:
    """Give a server that serves already; it is ended whatever happens."""
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
