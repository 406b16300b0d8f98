"""HTTP clients whose answers end: a server that drips one byte a second keeps within every timeout of the library.

For whatever is read from systems that are not ours; the reader decides what an unfinished answer means.
"""

import ssl
import time
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import httpx

MOST_BYTES = 64 * 1024 * 1024
# A busy server may stop for breath within an answer, each time within the timeout.
_PATIENCE = 4


def bounded_client(timeout_s: float, *, url: str = "https:", most_bytes: int = MOST_BYTES) -> httpx.Client:
    """A client that waits `timeout_s` for each byte and four times that for a whole body; for an http `url` no TLS."""
    transport = Bounded(_PATIENCE * timeout_s, most_bytes, url=url)
    return httpx.Client(transport=transport, timeout=timeout_s, trust_env=False)


class Bounded(httpx.BaseTransport):
    """A transport whose answers end at `most_bytes` and `deadline_s` after their request."""

    def __init__(self, deadline_s: float, most_bytes: int, *, url: str = "https:") -> None:
        trust = _nobody() if url.lower().startswith("http:") else _authorities()
        self._inner = httpx.HTTPTransport(verify=trust)
        self._deadline_s = deadline_s
        self._most_bytes = most_bytes

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        ends_at = time.monotonic() + self._deadline_s
        answer = self._inner.handle_request(request)
        stream = _Ending(answer.stream, ends_at, self._most_bytes)
        return httpx.Response(
            answer.status_code, headers=answer.headers, stream=stream, extensions=answer.extensions
        )

    def close(self) -> None:
        self._inner.close()


@lru_cache(maxsize=1)
def _authorities() -> ssl.SSLContext:
    """Reading their certificates takes 30 ms and 2 MB: once in a process."""
    return httpx.create_ssl_context()


@lru_cache(maxsize=1)
def _nobody() -> ssl.SSLContext:
    """Demands a certificate and accepts none: where TLS is spoken against what was said, it fails."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class _Ending(httpx.SyncByteStream):
    def __init__(self, inner: Any, ends_at: float, most_bytes: int) -> None:
        self._inner = inner
        self._ends_at = ends_at
        self._most_bytes = most_bytes

    def __iter__(self) -> Iterator[bytes]:
        read = 0
        for chunk in self._inner:
            read += len(chunk)
            if read > self._most_bytes:
                message = "the answer is too long"
                raise httpx.ReadError(message)
            if time.monotonic() > self._ends_at:
                message = "the answer came too slowly"
                raise httpx.ReadTimeout(message)
            yield chunk

    def close(self) -> None:
        self._inner.close()
