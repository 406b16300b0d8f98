"""Typed events and the HMAC chain that makes an edited history visible.

Byte format, which `docs/log-format.md` documents for anybody's verifier:
`record` is the canonical JSON (sorted keys, no spaces, ASCII) of {at_ms, body, chain, seq, tenant, type};
`mac[n] = HMAC-SHA256(key, mac[n-1] + record[n])`, where mac[0] is 32 zero bytes and seq counts from 1.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bot.domain.canonical import canonical

GENESIS = bytes(32)
TENANT_CHAIN = "tenant"


class EventType(StrEnum):
    """Everything that can be written into a log; the body of each is described in `domain/incident_fold.py`."""

    INCIDENT_DECLARED = "incident_declared"
    ALERTS_FOLDED = "alerts_folded"
    ALERTS_MOVED = "alerts_moved"
    STATUS_CHANGED = "status_changed"
    SEVERITY_CHANGED = "severity_changed"
    PLANNED_EVENT_MATCHED = "planned_event_matched"
    PLANNED_EVENT_ENDED = "planned_event_ended"
    INVESTIGATION_REQUESTED = "investigation_requested"
    INVESTIGATION_STARTED = "investigation_started"
    EVIDENCE_COLLECTED = "evidence_collected"
    HYPOTHESES_RANKED = "hypotheses_ranked"
    EXPLAINED = "explained"
    OPTIONS_PROPOSED = "options_proposed"
    OPTIONS_QUEUED = "options_queued"
    APPROVAL_NOTED = "approval_noted"
    APPROVAL_GRANTED = "approval_granted"
    APPROVAL_REFUSED = "approval_refused"
    PLAN_REJECTED = "plan_rejected"
    PLAN_EXPIRED = "plan_expired"
    EXECUTION_CLAIMED = "execution_claimed"
    EXECUTION_REFUSED = "execution_refused"
    ATTEMPT_FAILED = "attempt_failed"
    STEP_INTENDED = "step_intended"
    STEP_DONE = "step_done"
    STEP_FAILED = "step_failed"
    STEP_PARKED = "step_parked"
    VERIFIED = "verified"
    EXECUTION_FINISHED = "execution_finished"
    STOP_REQUESTED = "stop_requested"
    MESSAGE_POSTED = "message_posted"
    NOTE_ADDED = "note_added"
    POSTMORTEM_DRAFTED = "postmortem_drafted"
    # On the incident's chain and on the tenant's own:
    ORDER_FIRED = "order_fired"
    ORDER_REVOKED = "order_revoked"
    # On the tenant's own chain:
    ORDER_DRAFTED = "order_drafted"
    ORDER_SIGNED = "order_signed"
    ORDER_REFUSED = "order_refused"
    ORDER_EXPIRED = "order_expired"
    TIER_SET = "tier_set"
    SWITCH_SET = "switch_set"
    FREEZE_ADDED = "freeze_added"
    FREEZE_LIFTED = "freeze_lifted"
    PLANNED_EVENT_ADDED = "planned_event_added"
    PAYLOAD_REFUSED = "payload_refused"
    PAYLOAD_QUARANTINED = "payload_quarantined"


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event before it has a place in a chain. `body` must be JSON-ready."""

    type: EventType
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Event:
    """An event in its chain: `seq` counts from 1, `at_ms` is unix milliseconds UTC, `record` is what was signed."""

    tenant: str
    chain: str
    seq: int
    type: EventType
    at_ms: int
    body: Mapping[str, Any]
    record: bytes
    mac: bytes


def link(key: bytes, previous: bytes, record: bytes) -> bytes:
    """The MAC that binds `record` to everything before it."""
    return hmac.new(key, previous + record, hashlib.sha256).digest()


def seal(
    key: bytes,
    previous: bytes,
    *,
    tenant: str,
    chain: str,
    seq: int,
    at_ms: int,
    new: NewEvent,
) -> Event:
    """Give a new event its place, its signed record and its MAC."""
    record = canonical(
        {
            "tenant": tenant,
            "chain": chain,
            "seq": seq,
            "type": new.type.value,
            "at_ms": at_ms,
            "body": new.body,
        }
    )
    body = json.loads(record)["body"]
    return Event(tenant, chain, seq, new.type, at_ms, body, record, link(key, previous, record))


def opened(record: bytes, mac: bytes) -> Event:
    """Read a stored record back into an Event; raises ValueError when it is not one."""
    fields = json.loads(record)
    try:
        return Event(
            fields["tenant"], fields["chain"], fields["seq"], EventType(fields["type"]),
            fields["at_ms"], fields["body"], record, mac,
        )  # fmt: skip
    except (KeyError, TypeError) as error:
        message = f"not an event record: {error}"
        raise ValueError(message) from error


def first_break(
    key: bytes,
    events: Iterable[tuple[int, bytes, bytes]],
    head: tuple[int, bytes] | None,
    *,
    of: tuple[str, str] | None = None,
) -> str | None:
    """Say where a chain of (seq, record, mac) stops being true, or None.

    `head` is the anchored (seq, mac) of the newest event; without it a cut tail cannot be seen. `of` is the
    (tenant, chain) that the events must name; without it a whole chain under another name cannot be seen.
    """
    previous, expected = GENESIS, 1
    for seq, record, mac in events:
        if seq != expected:
            return f"event {expected} is missing (found {seq})"
        problem = _misplaced(record, seq, of)
        if problem:
            return f"event {seq} {problem}"
        previous = link(key, previous, record)
        if not hmac.compare_digest(previous, mac):
            return f"event {seq} or the one before it was changed"
        expected += 1
    if head is not None and head != (expected - 1, previous):
        return f"the log ends at event {expected - 1}, its anchor says {head[0]}"
    return None


def _misplaced(record: bytes, seq: int, of: tuple[str, str] | None) -> str:
    """What is wrong with the place that a record names, or an empty string."""
    try:
        fields = json.loads(record)
        named, owner = fields["seq"], (fields["tenant"], fields["chain"])
    except (ValueError, TypeError, LookupError, RecursionError):
        return "cannot be read"
    if named != seq:
        return "carries another number"
    return "belongs to another chain" if of is not None and owner != of else ""
