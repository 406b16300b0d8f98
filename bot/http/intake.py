"""Alert intake: POST /alerts/{kind}. Proof first, then one parse, then one committed row, then the 2xx.

A shared token is checked before the body is read, a signature after SMALL_BYTES of it. Refusals say what is wrong,
never show whether a source exists, and never log a body. Plain ASGI, since a storm may come as one call for each alert.
"""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import msgspec
import structlog
from prometheus_client import Counter
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from bot.domain.authenticity import Means, Shown, replay_key
from bot.domain.delivery import Delivery
from bot.domain.errors import Permanent, Retryable
from bot.domain.records import Arrived
from bot.domain.source_facts import SMALL_BYTES
from bot.http.counters import ALERTS_REFUSED, PAYLOADS
from bot.http.doors import Door, Doors, Notary, shown_by
from bot.http.event_headers import structured
from bot.http.group_commit import GroupCommit
from bot.http.notices import OWN_KIND, Notices
from bot.ports import AlertParser, Clock
from bot.settings import Source

PREFIX = "/alerts/"
_RETRY_AFTER_S = b"2"
_BY_HEADERS = "cloudevents"
_UNKNOWN = "unknown source or wrong proof; `watchkeeper sources` shows each source's address and scheme"
_REPEATED = "this delivery was taken before; nothing was stored again"
_JSON = msgspec.json.Encoder()

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class IntakePorts:
    """What the intake needs; `sources` maps a source name to its settings, `notary` proves Amazon SNS."""

    sources: Mapping[str, Source]
    parsers: Mapping[str, AlertParser]
    commits: GroupCommit
    clock: Clock
    notary: Notary | None = None


class _Call(NamedTuple):
    """One proved call."""

    door: Door
    shown: Shown
    body: bytes
    received_at: float


class _Read(NamedTuple):
    """What waits until a call is durable: words of its answer and its own key, and none of its alerts."""

    said: dict[str, object]
    once: str


class Answer(NamedTuple):
    """What is said to the sender; `again` where the same call may succeed later."""

    status: int
    said: Mapping[str, object]
    again: bool = False


class Intake:
    """The ASGI application of the intake; the path of every call that it is given begins with PREFIX."""

    def __init__(self, ports: IntakePorts) -> None:
        self._ports = ports
        self._doors = Doors(ports.sources, ports.parsers, ports.notary)
        self._notices = Notices()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One webhook call."""
        call = await self._proved(scope, receive)
        answer = await self._taken(call) if isinstance(call, _Call) else call
        body, headers = encoded(answer)
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def ordinary(self, kind: str, shown: Shown) -> Door | None:
        """The source whose token is shown, where nothing but the body is needed to take a call of this kind."""
        return None if kind == _BY_HEADERS else self._doors.by_token(kind, shown)

    def take(self, door: Door, shown: Shown, body: bytes, tell: Callable[[Answer], None]) -> None:
        """An ordinary call; `tell` hears the answer once it is durable, or at once where it is refused."""
        received_at = self._ports.clock.now()
        found = self._read(door, body, received_at)
        if isinstance(found, Answer):
            tell(found)
            return
        said, once = found

        def stored(outcome: bool | Retryable) -> None:
            tell(_told(door, said, outcome))

        key = replay_key(door.scheme, shown, body, once)
        self._ports.commits.put(Arrived(door.name, door.kind, body, received_at), key, stored)

    async def _proved(self, scope: Scope, receive: Receive) -> _Call | Answer:
        kind, shown = scope["path"].removeprefix(PREFIX), shown_by(scope)
        door = self._doors.by_token(kind, shown)
        if door is None and not self._doors.needs_body(kind):
            return _refusal(401, _UNKNOWN)
        most = SMALL_BYTES if door is None else door.most_bytes
        body = await _body(receive, most)
        received_at = self._ports.clock.now()
        if body is None:
            if door is not None:
                await self._warn(door, received_at)
            return _refusal(413, f"the body is larger than {most // SMALL_BYTES} MiB; send smaller groups")
        if door is None:
            try:
                door = await run_in_threadpool(self._doors.by_body, kind, shown, body, now=received_at)
            except Retryable as error:
                _log.warning("proof_unreadable", kind=kind, reason=str(error))
                return _refusal(503, "the proof cannot be checked now; send it again")
        return _refusal(401, _UNKNOWN) if door is None else _Call(door, shown, body, received_at)

    async def _warn(self, door: Door, now: float) -> None:
        """Tell operators that a source of theirs loses alerts; where that cannot be stored, the log has it."""
        _log.warning("payload_too_large", source=door.name, most_mib=door.most_bytes // SMALL_BYTES)
        notice = self._notices.too_large(door.name, door.most_bytes, now=now)
        if notice is not None:
            with contextlib.suppress(Retryable):
                await self._ports.commits.add(door.name, OWN_KIND, notice, received_at=now)

    async def _taken(self, call: _Call) -> Answer:
        if call.door.kind == _BY_HEADERS:
            try:
                call = call._replace(body=structured(call.shown, call.body))
            except Permanent as error:
                return _refusal(400, str(error))
        found = self._read(call.door, call.body, call.received_at)
        return found if isinstance(found, Answer) else await self._stored(call, found)

    def _read(self, door: Door, body: bytes, received_at: float) -> _Read | Answer:
        """What a call says, or why it is refused."""
        parser = self._ports.parsers[door.kind]
        try:
            delivery = parser.parse(body, source=door.name, received_at=received_at)
        except Permanent as error:
            return _refusal(400, str(error))
        window_s = parser.facts.window_s
        if window_s and _outside(delivery, received_at, window_s):
            return _refusal(
                400, f"sent more than {window_s / 3600:g} h ago or ahead by the sender's own time"
            )
        said: dict[str, object] = {"accepted": len(delivery.alerts)}
        if delivery.changes:
            said["changes"] = len(delivery.changes)
        if delivery.note:
            said["note"] = delivery.note
        return _Read(said, delivery.once)

    async def _stored(self, call: _Call, found: _Read) -> Answer:
        door = call.door
        outcome: bool | Retryable
        confirmed = ""
        try:
            confirmed = await self._confirmed(call)
            once = replay_key(door.scheme, call.shown, call.body, found.once)
            outcome = await self._ports.commits.add(
                door.name, door.kind, call.body, received_at=call.received_at, once=once
            )
        except Retryable as error:
            outcome = error
        return _told(door, found.said | {"note": confirmed} if confirmed else found.said, outcome)

    async def _confirmed(self, call: _Call) -> str:
        """Only SNS offers subscriptions, and only it costs a thread here."""
        if call.door.scheme.means is not Means.SNS:
            return ""
        return await run_in_threadpool(self._doors.confirm, call.door, call.body)


def encoded(answer: Answer) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """Body and headers of an answer."""
    body = _JSON.encode(answer.said)
    headers = [(b"content-length", b"%d" % len(body)), (b"content-type", b"application/json")]
    if answer.again:
        headers.append((b"retry-after", _RETRY_AFTER_S))
    return body, headers


def _told(door: Door, said: Mapping[str, object], outcome: bool | Retryable) -> Answer:
    """The answer to a call that was read: `outcome` says whether it is new, or why it is not durable."""
    if isinstance(outcome, Retryable):
        _log.warning("intake_not_durable", reason=str(outcome))
        return _refusal(503, "the alert could not be stored; send it again")
    if not outcome:
        return Answer(200, {"accepted": 0, "note": _REPEATED})
    _payloads(door.kind).inc()
    return Answer(200, said)


def _outside(delivery: Delivery, now: float, window_s: float) -> bool:
    return delivery.sent_at is not None and abs(now - delivery.sent_at) > window_s


async def _body(receive: Receive, most: int) -> bytes | None:
    """The body, None where it is larger than `most`; of a sender who went away nothing is left to read."""
    parts: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return b""
        part: bytes = message.get("body", b"")
        more = message.get("more_body", False)
        size += len(part)
        if size > most:
            return None
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


@cache
def _payloads(kind: str) -> Counter:
    """Finding the counter of a kind costs more than counting; kinds are those of sources, so a few."""
    return PAYLOADS.labels(kind)


def _refusal(status: int, text: str) -> Answer:
    ALERTS_REFUSED.labels(str(status)).inc()
    return Answer(status, {"error": text}, again=status == 503)
