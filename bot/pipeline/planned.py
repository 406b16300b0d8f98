"""planned: what a maintenance window or a planned event does to an incident, and what happens when it is over.

An event explains (context only), lowers (no alarm, but looked into), or suppresses (maintenance: only counted on one
quiet card). Whatever still fires when it is over is an incident like any other.
"""

from collections.abc import Iterable, Sequence

from bot.domain.alert import Alert
from bot.domain.event import EventType, NewEvent
from bot.domain.incident import Incident
from bot.domain.records import MessageKind, TaskKind
from bot.domain.severity import judge
from bot.domain.telemetry import PlannedEffect, PlannedEvent
from bot.pipeline.grade import grade
from bot.ports import Store, Transaction

LONGEST_AGO_S = 32 * 86_400.0


def covering(events: Sequence[PlannedEvent], services: Iterable[str], at: float) -> PlannedEvent | None:
    """The event that quietens an incident of these services: it must cover every one of them."""
    names = list(services)
    quiet = [
        event
        for event in events
        if event.effect is not PlannedEffect.EXPLAIN and all(event.covers(name, at) for name in names)
    ]
    strongest = [event for event in quiet if event.effect is PlannedEffect.SUPPRESS] or quiet
    return min(strongest, key=lambda event: (event.starts_at, event.id), default=None)


def added(event: PlannedEvent, *, by: str) -> NewEvent:
    """The log's word for an event that was entered, or entered anew with another end: by a person, or by a calendar."""
    body = {
        "id": event.id,
        "title": event.title,
        "starts_at": event.starts_at,
        "ends_at": event.ends_at,
        "services": list(event.services),
        "effect": event.effect.value,
        "by": by,
    }
    return NewEvent(EventType.PLANNED_EVENT_ADDED, body)


def matched(event: PlannedEvent) -> NewEvent:
    """The log's word for an incident that falls into an event."""
    body = {
        "id": event.id,
        "title": event.title,
        "ends_at": event.ends_at,
        "effect": event.effect.value,
        "services": list(event.services),
    }
    return NewEvent(EventType.PLANNED_EVENT_MATCHED, body)


def outside(incident: Incident | None, alerts: Sequence[Alert]) -> Sequence[Alert] | None:
    """The alerts that the incident's quietening event does not cover; None where nothing is quietened."""
    if incident is None or incident.planned_effect in ("", PlannedEffect.EXPLAIN.value):
        return None
    scope = incident.planned_services
    return [alert for alert in alerts if scope and alert.service not in scope]


def end_events(store: Store, *, now: float) -> list[int]:
    """What still fires though its planned event is over is judged anew and looked into; returns the tasks."""
    tasks: list[int] = []
    for incident in store.read(lambda tx: _over(tx, now)):
        task = store.transact(lambda tx, incident=incident: _refire(tx, incident, now))  # type: ignore[misc]
        tasks.extend([task] if task else [])
    return tasks


def _over(tx: Transaction, now: float) -> list[str]:
    found: list[str] = []
    if not tx.planned_events(start=now - LONGEST_AGO_S, end=now):
        return found
    for row in tx.open_incidents():
        incident = tx.incident(row.id)
        if incident is not None and 0 < incident.planned_until <= now and incident.alerts_firing:
            found.append(row.id)
    return found


def _refire(tx: Transaction, incident_id: str, now: float) -> int:
    row, incident = tx.incident_row(incident_id), tx.incident(incident_id)
    if row is None or incident is None or not row.state.open or not 0 < incident.planned_until <= now:
        return 0
    firing = tx.firing_by_service(incident_id)
    count = sum(number for number, _ in firing.values())
    ended = {"title": incident.planned_event, "firing": count}
    tx.append(incident_id, [NewEvent(EventType.PLANNED_EVENT_ENDED, ended)], at_ms=round(now * 1000))
    if count:
        judged = judge({name: bad for name, (_, bad) in firing.items()}, len(firing), count)
        if judged.severity < row.severity:
            reason = f"the planned event is over and {count} alerts still fire"
            grade(tx, incident_id, judged.severity, reason=reason, now=now)
        again = {"by": "", "reason": "the planned event is over"}
        tx.append(incident_id, [NewEvent(EventType.INVESTIGATION_REQUESTED, again)], at_ms=round(now * 1000))
    tx.want_message(incident_id, MessageKind.CARD, now=now)
    if not count:
        return 0
    return tx.add_task(TaskKind.INVESTIGATE, incident_id, "the planned event is over", due_at=now)
