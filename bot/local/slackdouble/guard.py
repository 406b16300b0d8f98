"""A wall around the double: only loopback peers that name this host, from this origin; a strict policy on every page."""

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = "default-src 'self'; img-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass
class Guard:
    """ASGI middleware against other sites in the same browser (DNS rebinding, cross-site posts)."""

    app: ASGIApp
    host: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 403."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        peer = scope.get("client")
        near = peer is None or ip_address(peer[0]).is_loopback
        known = near and urlsplit(f"//{host}").hostname in _LOOPBACK | {self.host}
        origin = headers.get("origin")
        if not known or (origin is not None and urlsplit(origin).netloc != host):
            await PlainTextResponse("wrong host or origin", 403)(scope, receive, send)
            return

        async def with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                out = MutableHeaders(scope=message)
                out.setdefault("content-security-policy", POLICY)
                out.setdefault("x-content-type-options", "nosniff")
                out.setdefault("referrer-policy", "no-referrer")
                out.setdefault("cache-control", "no-store")
            await send(message)

        await self.app(scope, receive, with_policy)
