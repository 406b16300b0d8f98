"""What the execute stage is given and what it answers; no logic."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bot.domain.caps import Caps
from bot.domain.errors import Conflict
from bot.domain.gate import UNDO_MAX_AGE_S
from bot.pipeline.prove import History, nothing_recorded
from bot.ports import Clock, Executor, Playbooks, Store

Measure = Callable[[str, str, float], float | None]
"""(signal, service, now in unix seconds) -> the newest value in the signal's own unit, or None."""


def _nothing() -> None:
    return None


class Outcome(StrEnum):
    """How one attempt at a plan ended."""

    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    PARKED = "parked"
    REFUSED = "refused"
    NOT_OURS = "not_ours"


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome with its reason in one sentence."""

    outcome: Outcome
    reason: str


@dataclass(frozen=True, kw_only=True)
class Means:
    """Everything that the stage works with. Durations in seconds; `holder` names this process in the lease.

    A call to an executor must be over within `lease_s`, since a plan whose lease ran out is taken over. `stopped`
    says in words what outside the database forbids every step, like the stop file, or gives None.
    """

    store: Store
    executors: Mapping[str, Executor]
    playbooks: Playbooks
    measure: Measure
    clock: Clock
    sleep: Callable[[float], None]
    grant_key: bytes
    mode: str
    holder: str
    lease_s: float = 15.0
    step_deadline_s: float = 120.0
    poll_s: float = 0.5
    verify_interval_s: float = 2.0
    max_claims: int = 10
    caps: Caps = field(default_factory=Caps)
    undo_max_age_s: float = UNDO_MAX_AGE_S
    stopped: Callable[[], str | None] = _nothing
    history: History = nothing_recorded


class TakenOver(Conflict):
    """The lease ran out and another executor holds the plan; this one must not write any more."""


class Unrecorded(Exception):
    """The database did not answer. It says nothing about the provider, so that no verdict on a step may rest on it.

    Outside the family of errors on purpose: whoever judges what a provider said must not catch it.
    """
