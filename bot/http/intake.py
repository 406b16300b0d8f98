"""Alert intake: POST /alerts/{kind}. Token first, then the body, then one committed row, then the 2xx.

Refusals say what is wrong, never show whether a source exists, and never log a body.
"""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from bot.domain.errors import Permanent, Retryable
from bot.http.counters import ALERTS_REFUSED, PAYLOADS
from bot.http.group_commit import GroupCommit
from bot.ports import AlertParser, Clock
from bot.settings import Source

MOST_BYTES = 32 * 1024 * 1024
_RETRY_AFTER_S = "2"

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class IntakePorts:
    """What the intake needs; `sources` maps a source name to its kind and token."""

    sources: Mapping[str, Source]
    parsers: Mapping[str, AlertParser]
    commits: GroupCommit
    clock: Clock


async def take_in(request: Request) -> Response:
    """One webhook call."""
    ports: IntakePorts = request.app.state.intake
    kind = request.path_params["kind"]
    source = _source(ports, kind, request.headers.getlist("authorization"))
    if source is None:
        return _refusal(401, "unknown source or wrong token; see `watchkeeper sources` for URL and token")
    body = await _body(request)
    if body is None:
        return _refusal(413, f"the body is larger than {MOST_BYTES // 1024 // 1024} MiB; send smaller groups")
    received_at = ports.clock.now()
    try:
        count = len(ports.parsers[kind].parse(body, source=source, received_at=received_at))
    except Permanent as error:
        return _refusal(400, str(error))
    try:
        await ports.commits.add(source, kind, body, received_at=received_at)
    except Retryable as error:
        _log.warning("intake_not_durable", reason=str(error))
        return _refusal(503, "the alert could not be stored; send it again", {"Retry-After": _RETRY_AFTER_S})
    PAYLOADS.labels(kind).inc()
    return JSONResponse({"accepted": count})


def _source(ports: IntakePorts, kind: str, authorization: Sequence[str]) -> str | None:
    """The name of the source whose token was shown, once; every token is compared in constant time."""
    if len(authorization) != 1:
        return None
    scheme, _, token = authorization[0].partition(" ")
    shown = token.encode("utf-8", "replace") if scheme.lower() == "bearer" else b""
    found = None
    for name, source in ports.sources.items():
        expected = source.token.get_secret_value().encode()
        same = bool(expected) and hmac.compare_digest(expected, shown)
        if source.kind == kind and same and kind in ports.parsers:
            found = name
    return found


async def _body(request: Request) -> bytes | None:
    parts: list[bytes] = []
    size = 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > MOST_BYTES:
                return None
            parts.append(part)
    except ClientDisconnect:
        return None
    return b"".join(parts)


def _refusal(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    ALERTS_REFUSED.labels(str(status)).inc()
    return JSONResponse({"error": text}, status_code=status, headers=dict(headers or {}))
