"""A response's head and body leave in one write: two would each be a system call, and wake the sender twice.

For uvicorn, which writes the head before it is given the body. Whatever is written is out before the loop waits again.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class OneWrite(HttpToolsProtocol):
    """uvicorn's own protocol on a transport that joins what is written in one go."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # As in its base.
        """A sender has connected."""
        super().connection_made(_Joining(transport, self.loop))


class _Joining(asyncio.Transport):
    """Keeps the end of a head until its body comes, at most until the loop's next turn."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._kept = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._kept:
            data, self._kept = self._kept + data, b""
        elif bytes(data[-4:]) == b"\r\n\r\n":
            self._kept = bytes(data)
            self._loop.call_soon(self._flush)
            return
        self._transport.write(data)

    def _flush(self) -> None:
        if self._kept:
            kept, self._kept = self._kept, b""
            self._transport.write(kept)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def abort(self) -> None:
        self._transport.abort()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._transport.set_protocol(protocol)
