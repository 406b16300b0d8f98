"""The Incident as everybody sees it: a reading of its log, never a record of its own.

`fold(events)` in `domain/incident_fold.py` builds it; cards, commands, post-mortem and metrics read it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any

from bot.domain.evidence import Diagnosis, Explanation
from bot.domain.plan import PlanState


class Severity(IntEnum):
    """SEV1 is the worst; SEV1 and SEV2 open a channel of their own."""

    SEV1 = 1
    SEV2 = 2
    SEV3 = 3
    SEV4 = 4

    @property
    def label(self) -> str:
        """The field's spelling, as shown to people."""
        return self.name

    @property
    def own_channel(self) -> bool:
        """Whether incidents of this severity get a channel of their own."""
        return self <= Severity.SEV2


# How the open key of an incident begins that collects what nothing connects.
LOOSE_KEY = "loose:"


class IncidentState(StrEnum):
    """Where an incident is in its life."""

    INVESTIGATING = "investigating"
    IDENTIFIED = "identified"
    MITIGATING = "mitigating"
    MONITORING = "monitoring"
    RESOLVED = "resolved"
    CANCELLED = "cancelled"

    @property
    def open(self) -> bool:
        """Whether alerts may still join."""
        return self not in (IncidentState.RESOLVED, IncidentState.CANCELLED)


@dataclass(frozen=True, slots=True)
class StepView:
    """One step of a run. `phase` is do or undo; `state` is intended, done, failed or parked."""

    id: str
    phase: str
    state: str
    detail: str = ""
    at_ms: int = 0


@dataclass(frozen=True, slots=True)
class CheckView:
    """The outcome of one verification check, in the signal's own unit."""

    signal: str
    service: str
    value: float | None
    bound: float
    passed: bool


@dataclass(frozen=True, slots=True)
class Agreement:
    """The first yes to a plan that needs two; `verb` is approve or undo."""

    by: str
    verb: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class OptionView:
    """One offered plan and what became of it. `plan` is the canonical content that was hashed.

    `agreed` are the people who said yes where one alone does not suffice; `requesters` asked for what led to the
    plan; `reason` is the approver's own words; `ended_ms` is 0 until the run ended. `order` is the standing order that
    started it, if any, and `order_withdrawn` why this run ended that order.
    """

    letter: str
    plan_hash: str
    plan: Mapping[str, Any]
    state: PlanState
    note: str = ""
    approved_by: str = ""
    approved_at_ms: int = 0
    steps: tuple[StepView, ...] = ()
    checks: tuple[CheckView, ...] = ()
    verified: bool | None = None
    refusals: tuple[tuple[str, str], ...] = ()
    agreed: tuple["Agreement", ...] = ()
    seconded_by: str = ""
    reason: str = ""
    requesters: tuple[str, ...] = ()
    ended_ms: int = 0
    order: str = ""
    order_withdrawn: str = ""


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One line of the timeline: event number, time and a sentence of ours; `by` is a user id or empty."""

    seq: int
    at_ms: int
    text: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class Incident:
    """Everything known about one incident after the event with number `seq`, whose MAC begins with `head`."""

    id: str
    tenant: str
    number: int
    title: str
    severity: Severity
    state: IncidentState
    opened_ms: int
    seq: int
    head: str
    channel_wanted: bool = False
    raised_because: str = ""
    alerts_total: int = 0
    alerts_firing: int = 0
    services: Mapping[str, int] | None = None
    candidate: str = ""
    candidate_why: str = ""
    joins: Mapping[str, int] | None = None
    said: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    diagnosis: Diagnosis | None = None
    symptoms: tuple[tuple[str, str], ...] = ()
    apart: tuple[str, ...] = ()
    explanation: Explanation | None = None
    investigating: bool = False
    looked_into: bool = True
    loose_ends: bool = False
    planned_event: str = ""
    planned_until: float = 0.0
    planned_effect: str = ""
    planned_services: tuple[str, ...] = ()
    options: tuple[OptionView, ...] = ()
    withheld: tuple[tuple[str, str], ...] = ()
    observe_only: bool = True
    timeline: tuple[TimelineEntry, ...] = ()
    notes: tuple[TimelineEntry, ...] = ()
    posts: int = 0
    resolved_ms: int = 0
    identified_ms: int = 0
    requesters: tuple[str, ...] = ()
    queued: bool = False
    postmortem_chars: int = 0

    @property
    def key(self) -> str:
        """What people call it: INC-142."""
        return f"INC-{self.number}"
