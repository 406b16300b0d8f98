"""Who may use the switch page: this host itself, or whoever shows the operator's token; and proof that a form is ours.

A page of somebody else can neither read our form (so it has no form token), nor reach us under another name
(so a rebound host name is refused), nor send an Authorization header of ours.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import Request

FORM_LIFETIME_S = 3600.0
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


@dataclass(frozen=True, slots=True)
class Guard:
    """`token` is the operator's, empty where none is set; `secret` is this process's own and signs forms."""

    token: str
    secret: bytes

    def local(self, request: Request) -> bool:
        """Whether a program on this host asks, under this host's own name and through no proxy."""
        client = request.client.host if request.client else ""
        name = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
        proxied = any(header in request.headers for header in _FORWARDED)
        return client in _LOOPBACK and name in _LOOPBACK and not proxied

    def bearer(self, request: Request) -> bool:
        """Whether the Authorization header shows the operator's token."""
        given = request.headers.getlist("authorization")
        scheme, _, shown = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        return scheme.lower() == "bearer" and self._is_token(shown)

    def typed(self, fields: Mapping[str, str]) -> bool:
        """Whether the form carries the operator's token."""
        return self._is_token(fields.get("token", ""))

    def form_token(self, now: float) -> str:
        """A token for a form that is shown now."""
        issued = str(int(now))
        return f"{issued}.{self._mac(issued)}"

    def form_is_ours(self, request: Request, fields: Mapping[str, str], now: float) -> bool:
        """Whether the form was shown by this process within the hour, and sent from our own page."""
        issued, _, mac = fields.get("form", "").partition(".")
        genuine = hmac.compare_digest(self._mac(issued).encode(), mac.encode("utf-8", "replace"))
        fresh = issued.isascii() and issued.isdigit() and len(issued) < 12
        if not genuine or not fresh or not 0 <= now - int(issued) <= FORM_LIFETIME_S:
            return False
        origin = request.headers.get("origin", "")
        same = not origin or urlsplit(origin).netloc == request.headers.get("host", "")
        return same and request.headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")

    def _is_token(self, shown: str) -> bool:
        expected = self.token.encode()
        return bool(expected) and hmac.compare_digest(expected, shown.encode("utf-8", "replace"))

    def _mac(self, issued: str) -> str:
        return hmac.new(
            self.secret, b"switch-form\x00" + issued.encode("utf-8", "replace"), hashlib.sha256
        ).hexdigest()
