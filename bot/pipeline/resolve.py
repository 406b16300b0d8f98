"""resolve: close an incident whose alerts have all ended for long enough, or whom a person closes; then it is reviewed."""

from functools import partial

from bot.domain.errors import Conflict
from bot.domain.event import EventType, NewEvent
from bot.domain.incident import IncidentState
from bot.domain.plan import PlanState
from bot.domain.records import MessageKind, TaskKind
from bot.pipeline.usual import EVERYDAY_KEY
from bot.ports import Store, Transaction

_BUSY = (PlanState.GRANTED, PlanState.RUNNING)


def resolve_quiet(store: Store, *, now: float, after_s: float) -> list[int]:
    """Resolve every open incident without firing alerts for `after_s` seconds; returns the review tasks."""
    tasks: list[int] = []
    quiet = store.read(lambda tx: _quiet(tx, now - after_s))
    for incident in quiet:
        close = partial(
            resolve, incident=incident, reason="all alerts have ended", by="", now=now, unless_firing=True
        )
        task = store.transact(close)
        tasks.extend([task] if task else [])
    return tasks


def resolve(
    tx: Transaction, incident: str, *, reason: str, by: str, now: float, unless_firing: bool = False
) -> int:
    """Close one incident and ask for its review; 0 when it is closed already, still acting, or firing again."""
    row = tx.incident_row(incident)
    if row is None or not row.state.open:
        return 0
    if unless_firing and (tx.firing_count(incident) or _acting(tx, incident)):
        return 0
    body = {"to": IncidentState.RESOLVED.value, "reason": reason, "by": by}
    tx.append(incident, [NewEvent(EventType.STATUS_CHANGED, body)], at_ms=round(now * 1000))
    if unless_firing and tx.firing_count(incident):
        message = f"an alert came to {incident} while it was closed"
        raise Conflict(message)
    tx.set_state(incident, IncidentState.RESOLVED)
    for kind in (MessageKind.CARD, MessageKind.RESOLVED):
        tx.want_message(incident, kind, now=now)
    if tx.message(incident, MessageKind.PROPOSAL) is not None:
        tx.want_message(incident, MessageKind.PROPOSAL, now=now)
    if row.severity.own_channel or tx.message(incident, MessageKind.ANNOUNCEMENT) is not None:
        tx.want_message(incident, MessageKind.ANNOUNCEMENT, now=now)
    return tx.add_task(TaskKind.REVIEW, incident, reason, due_at=now)


def _quiet(tx: Transaction, before: float) -> list[str]:
    found = []
    for row in tx.open_incidents():
        if row.open_key == EVERYDAY_KEY:
            continue
        folded = tx.incident(row.id)
        never_alerted = folded is None or folded.alerts_total == 0
        if row.last_alert_at <= before and not never_alerted and not tx.firing_count(row.id):
            found.append(row.id)
    return found


def _acting(tx: Transaction, incident: str) -> bool:
    return any(row.state in _BUSY for row in tx.plans_of(incident))
