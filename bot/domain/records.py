"""Rows that decide and rows that carry work, as the store gives them back. The log tells the story; these gate it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from bot.domain.alert import Alert
from bot.domain.incident import IncidentState, Severity
from bot.domain.plan import Plan, PlanState


class Arrived(NamedTuple):
    """A payload on its way into the store."""

    source: str
    kind: str
    body: bytes
    received_at: float


class RawBody(NamedTuple):
    """One stored payload. `source` is the configured source name, `kind` the parser; `tries` counts failures.

    `damage` says why the stored bytes cannot be read back, where they cannot; `body` is empty then.
    """

    id: int
    source: str
    kind: str
    body: bytes
    received_at: float
    tries: int
    damage: str = ""

    def without_body(self) -> "RawBody":
        """What is left once the body was read."""
        return RawBody(self.id, self.source, self.kind, b"", self.received_at, self.tries, self.damage)


class StoredAlert(NamedTuple):
    """The current state of one fingerprint. `times_seen` counts firings and repeats, `incident` is its home."""

    alert: Alert
    incident: str
    join_reason: str
    times_seen: int
    raw_id: int


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """What correlation and routing need without folding a log. `open_key` is unique among open incidents."""

    id: str
    number: int
    open_key: str
    state: IncidentState
    severity: Severity
    title: str
    opened_at: float
    last_alert_at: float
    services: tuple[str, ...]
    channel: str = ""
    thread_ts: str = ""


class TaskKind(StrEnum):
    """Background work that a worker does for one incident."""

    INVESTIGATE = "investigate"
    REVIEW = "review"


@dataclass(frozen=True, slots=True)
class Task:
    """One claimed piece of background work; `epoch` fences a woken orphan."""

    id: int
    kind: TaskKind
    incident: str
    reason: str
    epoch: int
    tries: int


# How the note of a message begins that Slack does not take as it is.
REFUSED = "refused: "


class MessageKind(StrEnum):
    """The messages of an incident, one row each; each is rendered from the log at the moment it is sent."""

    ANNOUNCEMENT = "announcement"
    CARD = "card"
    EVIDENCE = "evidence"
    PROPOSAL = "proposal"
    HYPOTHESIS = "hypothesis"
    RESOLVED = "resolved"
    POSTMORTEM = "postmortem"
    NOTICE = "notice"
    ORDER = "order"
    MOVED = "moved"


@dataclass(frozen=True, slots=True)
class Message:
    """One Slack message that should exist and show revision `wanted`; `sent` is the newest one that it showed.

    `channel` is empty until it is known; `ts` is empty until the first post succeeded; `text` is used by notices.
    """

    id: int
    incident: str
    kind: MessageKind
    channel: str
    thread_ts: str
    ts: str
    wanted: int
    sent: int
    attempts: int
    first_posted_at: float
    text: str = ""
    in_doubt: bool = False


@dataclass(frozen=True, slots=True)
class PlanRow:
    """A stored plan with its state; `content` is the canonical text that was hashed."""

    hash: str
    plan: Plan
    content: bytes
    state: PlanState
    epoch: int


@dataclass(frozen=True, slots=True)
class Grant:
    """One human approval of one exact plan, usable once. `mac` binds all fields to the grant key.

    `seconded_by` is the other of the two people that a destructive plan needs, and empty for other plans. Where a
    standing order stands for the approval, `order_hash` names it and `approver` is empty.
    """

    plan_hash: str
    approver: str
    team: str
    channel: str
    message_ts: str
    granted_ms: int
    expires_ms: int
    nonce: str
    mac: bytes
    seconded_by: str = ""
    order_hash: str = ""

    def signed_fields(self) -> dict[str, str | int]:
        """Everything that the MAC covers, ready for `canonical()`."""
        return {
            "plan_hash": self.plan_hash,
            "approver": self.approver,
            "team": self.team,
            "channel": self.channel,
            "message_ts": self.message_ts,
            "granted_ms": self.granted_ms,
            "expires_ms": self.expires_ms,
            "nonce": self.nonce,
            "seconded_by": self.seconded_by,
            "order_hash": self.order_hash,
        }


class StepState(StrEnum):
    """Journal states of one step in one phase."""

    INTENDED = "intended"
    DONE = "done"
    FAILED = "failed"
    PARKED = "parked"


@dataclass(frozen=True, slots=True)
class StepRow:
    """One journal row. `phase` is do or undo, `token` the idempotency token, `before` the live fields read first."""

    plan_hash: str
    step: str
    phase: str
    state: StepState
    token: str
    before: Mapping[str, str]
    detail: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class InboxRow:
    """One thing that a person did in Slack, recorded before the ack; `payload` is what the listener kept."""

    id: int
    kind: str
    payload: Mapping[str, Any]
    received_at: float
    tries: int
