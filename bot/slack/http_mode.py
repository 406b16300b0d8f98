"""HTTP mode: our own door in front of Bolt, which verifies the raw bytes before anything is parsed.

What is not proved gets the same empty 401, and nothing of any request is logged. Each signature is taken once.
"""

import hashlib
import hmac
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence

import structlog
from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from bot.domain.errors import Retryable
from bot.slack.listening import UNREADABLE, SlackPorts
from bot.slack.recording import DELIVERING, Delivery

MAX_BYTES = 1024 * 1024
PAST_S = 300
FUTURE_S = 5
_TIMESTAMP = re.compile(rb"[1-9][0-9]{8,10}")
_SIGNATURE = re.compile(rb"v0=[0-9a-f]{64}")
Headers = Iterable[tuple[bytes, bytes]]

_log = structlog.get_logger()


def verified(headers: Headers, body: bytes, *, secret: bytes, now: float) -> str | None:
    """The signature of a genuine, fresh request, or None. `now` in unix seconds."""
    given = list(headers)
    stamp, signature = _only(given, b"x-slack-request-timestamp"), _only(given, b"x-slack-signature")
    if stamp is None or signature is None or not secret:
        return None
    if not _TIMESTAMP.fullmatch(stamp) or not _SIGNATURE.fullmatch(signature):
        return None
    age = now - int(stamp)
    if not -FUTURE_S <= age <= PAST_S:
        return None
    expected = hmac.new(secret, b"v0:" + stamp + b":" + body, hashlib.sha256).hexdigest()
    return signature.decode() if hmac.compare_digest(b"v0=" + expected.encode(), signature) else None


def _only(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> bytes | None:
    found = [value for key, value in headers if key.lower() == name]
    return found[0] if len(found) == 1 else None


def door(
    app: AsyncApp, ports: SlackPorts, *, now: Callable[[], float]
) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint for Slack's request URL; `now` gives unix seconds."""
    secret = ports.signing_secret.encode()

    async def take(request: Request) -> Response:
        body = await _bounded(request)
        if body is None:
            return Response(status_code=401)
        signature = verified(request.headers.raw, body, secret=secret, now=now())
        if signature is None:
            return Response(status_code=401)
        delivery = Delivery(signature)
        ours = DELIVERING.set(delivery)
        try:
            answer = await _dispatched(app, request, body)
            if not delivery.marked:
                await ports.mark()
            return Response(status_code=401) if delivery.replayed else answer
        except Retryable as error:
            _log.warning("slack_request_not_durable", reason=str(error))
            return Response(status_code=503)
        except UNREADABLE as error:
            _log.warning("slack_request_unreadable", kind=type(error).__name__)
            return Response(status_code=400)
        finally:
            DELIVERING.reset(ours)

    return take


async def _dispatched(app: AsyncApp, request: Request, body: bytes) -> Response:
    headers: dict[str, str | Sequence[str]] = dict(request.headers.items())
    answer = await app.async_dispatch(AsyncBoltRequest(body=body.decode(), headers=headers))
    shown = {name: values[0] for name, values in answer.headers.items()}
    return Response(content=answer.body, status_code=answer.status, headers=shown)


async def _bounded(request: Request) -> bytes | None:
    """The whole body, or None when it is larger than allowed or breaks off."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BYTES:
                return None
    except ClientDisconnect:
        return None
    return bytes(body)
