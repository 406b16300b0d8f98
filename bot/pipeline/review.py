"""review: a closed incident gets its post-mortem draft in the thread; drafting again replaces the text."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from bot.domain.event import EventType, NewEvent
from bot.domain.postmortem import draft
from bot.domain.records import MessageKind, Task
from bot.ports import Clock, Store, Transaction


class Reviewed(StrEnum):
    """How a review ended."""

    DRAFTED = "drafted"
    NO_SUCH_INCIDENT = "no_such_incident"
    STILL_OPEN = "still_open"


@dataclass(frozen=True, slots=True)
class ReviewOutcome:
    """What came of a review; `chars` is the length of the draft."""

    reason: Reviewed
    chars: int = 0


def review(task: Task, *, store: Store, clock: Clock) -> ReviewOutcome:
    """Draft the post-mortem of the task's incident from its log."""
    now = clock.now()
    return store.transact(lambda tx: _review(tx, task.incident, now))


def _review(tx: Transaction, incident_id: str, now: float) -> ReviewOutcome:
    incident = tx.incident(incident_id)
    if incident is None:
        return ReviewOutcome(Reviewed.NO_SUCH_INCIDENT)
    if incident.state.open:
        return ReviewOutcome(Reviewed.STILL_OPEN)
    text = draft(incident, tx.events(incident_id))
    body = {"chars": len(text), "sha256": hashlib.sha256(text.encode()).hexdigest()}
    tx.save_postmortem(incident_id, text, at=now)
    tx.append(incident_id, [NewEvent(EventType.POSTMORTEM_DRAFTED, body)], at_ms=round(now * 1000))
    tx.want_message(incident_id, MessageKind.POSTMORTEM, now=now)
    return ReviewOutcome(Reviewed.DRAFTED, len(text))
