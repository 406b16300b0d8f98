"""HTTP mode: our own door in front of Bolt, which verifies the raw bytes before anything is parsed.

What is not proved gets the same empty 401, and nothing of any request is logged. Each signature is taken once.
"""

import binascii
import hmac
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import msgspec
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
_PAYLOAD = b"payload="
_STAMP, _SIGNED = b"x-slack-request-timestamp", b"x-slack-signature"
_TIMESTAMP = re.compile(rb"[1-9][0-9]{8,10}")
_SIGNATURE = re.compile(rb"v0=[0-9a-f]{64}")
Headers = Iterable[tuple[bytes, bytes]]

_log = structlog.get_logger()


def verified(headers: Headers, body: bytes, *, secret: bytes, now: float) -> str | None:
    """The signature of a genuine, fresh request, or None. `now` in unix seconds."""
    found: dict[bytes, list[bytes]] = {_STAMP: [], _SIGNED: []}
    for key, value in headers:
        if (name := key.lower()) in found:
            found[name].append(value)
    if [len(values) for values in found.values()] != [1, 1] or not secret:
        return None
    (stamp,), (signature,) = found.values()
    if not _TIMESTAMP.fullmatch(stamp) or not _SIGNATURE.fullmatch(signature):
        return None
    age = now - int(stamp)
    if not -FUTURE_S <= age <= PAST_S:
        return None
    expected = hmac.digest(secret, b"v0:" + stamp + b":" + body, "sha256").hex()
    return signature.decode() if hmac.compare_digest(b"v0=" + expected.encode(), signature) else None


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
    given = interaction(body)
    if given is None:
        told = AsyncBoltRequest(body=body.decode(), headers=headers)
    else:  # Bolt takes a body that is decoded already as it takes one from a socket.
        told = AsyncBoltRequest(body=given, headers=headers, mode="socket_mode")
    answer = await app.async_dispatch(told)
    shown = {name: values[0] for name, values in answer.headers.items()}
    return Response(content=answer.body, status_code=answer.status, headers=shown)


def interaction(body: bytes) -> dict[str, Any] | None:
    """The payload of a press or a submission, decoded in a tenth of Bolt's time; None for whatever else it may be.

    Quoted-printable writes `=41` for what a form writes as `%41`, and its decoder is one pass of C.
    """
    head, value = body[: len(_PAYLOAD)], body[len(_PAYLOAD) :]
    if head != _PAYLOAD or any(sign in value for sign in (b"=", b"&", b"\n", b"\r")):
        return None
    text = binascii.a2b_qp(value.replace(b"+", b" ").replace(b"%", b"="))
    if len(text) != len(value) - 2 * value.count(b"%"):
        return None  # A sign was written wrong.
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError:
        return None


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
