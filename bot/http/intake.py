"""Alert intake: POST /alerts/{kind}. Proof first, then one parse, then one committed row, then the 2xx.

A shared token is checked before the body is read, a signature after SMALL_BYTES of it. Refusals say what is wrong,
never show whether a source exists, and never log a body.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from bot.domain.authenticity import Means, Shown, replay_key
from bot.domain.delivery import Delivery
from bot.domain.errors import Permanent, Retryable
from bot.domain.source_facts import SMALL_BYTES
from bot.http.counters import ALERTS_REFUSED, PAYLOADS
from bot.http.doors import Door, Doors, Notary, shown_by
from bot.http.event_headers import structured
from bot.http.group_commit import GroupCommit
from bot.http.notices import OWN_KIND, Notices
from bot.ports import AlertParser, Clock
from bot.settings import Source

_RETRY_AFTER_S = "2"
_BY_HEADERS = "cloudevents"
_UNKNOWN = "unknown source or wrong proof; `watchkeeper sources` shows each source's address and scheme"
_REPEATED = "this delivery was taken before; nothing was stored again"

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class IntakePorts:
    """What the intake needs; `sources` maps a source name to its settings, `notary` proves Amazon SNS."""

    sources: Mapping[str, Source]
    parsers: Mapping[str, AlertParser]
    commits: GroupCommit
    clock: Clock
    notary: Notary | None = None


@dataclass(frozen=True, slots=True)
class _Call:
    """One proved call."""

    door: Door
    shown: Shown
    body: bytes
    received_at: float


async def take_in(request: Request) -> Response:
    """One webhook call."""
    ports: IntakePorts = request.app.state.intake
    call = await _proved(request, ports)
    if isinstance(call, Response):
        return call
    try:
        if call.door.kind == _BY_HEADERS:
            call = replace(call, body=structured(call.shown, call.body))
        delivery = ports.parsers[call.door.kind].parse(
            call.body, source=call.door.name, received_at=call.received_at
        )
    except Permanent as error:
        return _refusal(400, str(error))
    facts = ports.parsers[call.door.kind].facts
    if facts.window_s and _outside(delivery, call.received_at, facts.window_s):
        return _refusal(
            400, f"sent more than {facts.window_s / 3600:g} h ago or ahead by the sender's own time"
        )
    return await _stored(request, ports, call, delivery)


async def _proved(request: Request, ports: IntakePorts) -> "_Call | Response":
    doors: Doors = request.app.state.doors
    kind, shown = request.path_params["kind"], shown_by(request)
    door = doors.by_token(kind, shown)
    if door is None and not doors.needs_body(kind):
        return _refusal(401, _UNKNOWN)
    most = SMALL_BYTES if door is None else door.most_bytes
    body = await _body(request, most)
    received_at = ports.clock.now()
    if body is None:
        if door is not None:
            await _tell(request.app.state.notices, ports, door, received_at)
        return _refusal(413, f"the body is larger than {most // SMALL_BYTES} MiB; send smaller groups")
    if door is None:
        try:
            door = await run_in_threadpool(doors.by_body, kind, shown, body, now=received_at)
        except Retryable as error:
            _log.warning("proof_unreadable", kind=kind, reason=str(error))
            return _refusal(503, "the proof cannot be checked now; send it again", _again())
    return _refusal(401, _UNKNOWN) if door is None else _Call(door, shown, body, received_at)


async def _tell(notices: Notices, ports: IntakePorts, door: Door, now: float) -> None:
    """Tell operators that a source of theirs loses alerts; where that cannot be stored, the log has it."""
    _log.warning("payload_too_large", source=door.name, most_mib=door.most_bytes // SMALL_BYTES)
    notice = notices.too_large(door.name, door.most_bytes, now=now)
    if notice is not None:
        with contextlib.suppress(Retryable):
            await ports.commits.add(door.name, OWN_KIND, notice, received_at=now)


async def _stored(request: Request, ports: IntakePorts, call: _Call, delivery: Delivery) -> Response:
    door = call.door
    try:
        confirmed = await _confirmed(request.app.state.doors, call)
        new = await ports.commits.add(
            door.name,
            door.kind,
            call.body,
            received_at=call.received_at,
            once=replay_key(door.scheme, call.shown, call.body, delivery.once),
        )
    except Retryable as error:
        _log.warning("intake_not_durable", reason=str(error))
        return _refusal(503, "the alert could not be stored; send it again", _again())
    if not new:
        return JSONResponse({"accepted": 0, "note": _REPEATED})
    PAYLOADS.labels(door.kind).inc()
    said = {"accepted": len(delivery.alerts)}
    changes = {"changes": len(delivery.changes)} if delivery.changes else {}
    note = confirmed or delivery.note
    return JSONResponse({**said, **changes, **({"note": note} if note else {})})


async def _confirmed(doors: Doors, call: _Call) -> str:
    """Only SNS offers subscriptions, and only it costs a thread here."""
    if call.door.scheme.means is not Means.SNS:
        return ""
    return await run_in_threadpool(doors.confirm, call.door, call.body)


def _outside(delivery: Delivery, now: float, window_s: float) -> bool:
    return delivery.sent_at is not None and abs(now - delivery.sent_at) > window_s


async def _body(request: Request, most: int) -> bytes | None:
    """The body, None where it is larger than `most`; of a sender who went away nothing is left to read."""
    parts: list[bytes] = []
    size = 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > most:
                return None
            parts.append(part)
    except ClientDisconnect:
        return b""
    return b"".join(parts)


def _again() -> Mapping[str, str]:
    return {"Retry-After": _RETRY_AFTER_S}


def _refusal(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    ALERTS_REFUSED.labels(str(status)).inc()
    return JSONResponse({"error": text}, status_code=status, headers=dict(headers or {}))
