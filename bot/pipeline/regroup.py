"""regroup: alerts move between incidents, by the bot with its reason or by a person, whose word is kept.

Moving is one event in both logs and one update of the alerts' home. What acts already is never merged away.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace

from bot.domain.correlation import sorted_out
from bot.domain.errors import Conflict
from bot.domain.event import EventType, NewEvent
from bot.domain.incident import IncidentState
from bot.domain.plan import PlanState
from bot.domain.records import IncidentRow, MessageKind
from bot.domain.severity import judge
from bot.pipeline.declare import HOLD_S, Declared, declare
from bot.pipeline.grade import grade
from bot.ports import Transaction

_BUSY = (PlanState.GRANTED, PlanState.RUNNING)
_MOST_ALERTS = 5000
_MOST_TAUGHT = 400


def is_acting(tx: Transaction, incident: str) -> bool:
    """Whether one of its plans is approved or running, so that it must not be merged away."""
    return any(plan.state in _BUSY for plan in tx.plans_of(incident))


def merge(
    tx: Transaction, into: IncidentRow, other: IncidentRow, *, reason: str, by: str, now: float
) -> bool:
    """Move everything of `other` to `into` and close it; False where one is closed, or `other` is acting."""
    if into.id == other.id or not into.state.open or not other.state.open or is_acting(tx, other.id):
        return False
    if by:
        _teach(tx, _leads(tx, into), _leads(tx, other), together=True, now=now)
    moved = tx.move_alerts(other.id, into.id, services=None)
    _moved(tx, other, into, moved, reason=reason, by=by, now=now)
    other, into = _unchanged(tx, other, into, tx.alerting(other.id))
    closed = {
        "to": IncidentState.CANCELLED.value,
        "reason": f"merged into INC-{into.number}: {reason}",
        "by": by,
    }
    tx.append(other.id, [NewEvent(EventType.STATUS_CHANGED, closed)], at_ms=round(now * 1000))
    tx.set_state(other.id, IncidentState.CANCELLED)
    services = sorted({*into.services, *other.services})
    tx.touch_incident(into.id, last_alert_at=max(into.last_alert_at, other.last_alert_at), services=services)
    _raise(tx, replace(into, severity=min(into.severity, other.severity)), into, now)
    _show(tx, into, now)
    _show_end(tx, other, now)
    return True


def move(
    tx: Transaction,
    source: IncidentRow,
    into: IncidentRow,
    services: Sequence[str],
    *,
    reason: str,
    by: str = "",
    now: float,
) -> None:
    """Move the alerts of some services to another incident; the severity of neither is judged anew."""
    moved = tx.move_alerts(source.id, into.id, services=services)
    _moved(tx, source, into, moved, reason=reason, by=by, now=now)
    source, into = _unchanged(tx, source, into, set(services).intersection(tx.alerting(source.id)))
    left = sorted(set(source.services).difference(services))
    tx.touch_incident(source.id, last_alert_at=source.last_alert_at, services=left)
    tx.touch_incident(into.id, last_alert_at=into.last_alert_at, services=sorted({*into.services, *services}))
    for row in (source, into):
        tx.want_message(row.id, MessageKind.CARD, now=now + HOLD_S)


def close_empty(tx: Transaction, row: IncidentRow, now: float) -> None:
    """Close an incident whose alerts have all moved elsewhere."""
    closed = {"to": IncidentState.CANCELLED.value, "reason": "all of its alerts belong elsewhere", "by": ""}
    tx.append(row.id, [NewEvent(EventType.STATUS_CHANGED, closed)], at_ms=round(now * 1000))
    tx.set_state(row.id, IncidentState.CANCELLED)
    _show_end(tx, row, now)


def split(
    tx: Transaction,
    row: IncidentRow,
    services: Sequence[str],
    *,
    incident: str,
    reason: str,
    by: str,
    now: float,
    observe_only: bool,
) -> Declared | None:
    """Give the alerts of `services` an incident of their own; None where there are none, or nothing would be left."""
    wanted = set(services) & set(row.services)
    rest = set(row.services) - wanted
    alerts = tx.incident_alerts(row.id, limit=_MOST_ALERTS, services=sorted(wanted)) if wanted else ()
    if not row.state.open or not alerts or not rest:
        return None
    declared = declare(
        tx, sorted_out(alerts), incident=incident, now=now, show_at=now, observe_only=observe_only
    )
    new = tx.incident_row(incident)
    if new is None:
        return None
    move(tx, row, new, sorted(wanted), reason=reason, by=by, now=now)
    if by:
        remaining = replace(row, services=tuple(sorted(rest)))
        _teach(tx, sorted(wanted), _leads(tx, remaining), together=False, now=now)
    else:
        _keep_apart(tx, row.id, incident, now)
    _show(tx, row, now)
    _show(tx, new, now)
    return declared


def _moved(
    tx: Transaction,
    source: IncidentRow,
    target: IncidentRow,
    moved: dict[str, tuple[int, int]],
    *,
    reason: str,
    by: str,
    now: float,
) -> None:
    told = tx.incident(source.id)
    said = {name: list(keys) for name, keys in told.said.items() if name in moved} if told is not None else {}
    body = {
        "said": said,
        "services": {name: count for name, (count, _) in sorted(moved.items())},
        "count": sum(count for count, _ in moved.values()),
        "firing": sum(firing for _, firing in moved.values()),
        "reason": reason,
        "by": by,
    }
    for chain, way, other in ((source.id, "out", target.number), (target.id, "in", source.number)):
        event = NewEvent(EventType.ALERTS_MOVED, {**body, "way": way, "other": other})
        tx.append(chain, [event], at_ms=round(now * 1000))


def _unchanged(
    tx: Transaction, source: IncidentRow, into: IncidentRow, left: Collection[str]
) -> tuple[IncidentRow, IncidentRow]:
    """Both rows once both logs are ours; raises Conflict where others closed one, or brought what is `left`, meanwhile."""
    rows = tx.incident_row(source.id) or source, tx.incident_row(into.id) or into
    if left or not all(row.state.open for row in rows):
        message = f"alerts came to {source.id}, or it or {into.id} was closed, while its alerts were moved"
        raise Conflict(message)
    return rows


def _raise(tx: Transaction, worst: IncidentRow, row: IncidentRow, now: float) -> None:
    firing = tx.firing_by_service(row.id)
    critical = {name: bad for name, (_, bad) in firing.items()}
    judged = judge(critical, len(firing), sum(count for count, _ in firing.values()))
    severity = min(judged.severity, worst.severity)
    if severity < row.severity:
        grade(tx, row.id, severity, reason=judged.reason, now=now)


def _leads(tx: Transaction, row: IncidentRow) -> list[str]:
    """The service that an incident is known by: its first candidate where it has one, else its loudest."""
    folded = tx.incident(row.id)
    if folded is not None and folded.candidate in row.services:
        return [folded.candidate]
    count = dict((folded.services or {}) if folded is not None else {})
    loudest = sorted((name for name in row.services if name), key=lambda name: (-count.get(name, 0), name))
    return loudest[:1]


def _teach(
    tx: Transaction, some: Sequence[str], others: Sequence[str], *, together: bool, now: float
) -> None:
    """Keep what a person said of these services; the newest word counts."""
    known = tx.taught()
    pairs = {(min(a, b), max(a, b)) for a in some for b in others if a != b}
    joined, parted = known.together - pairs, known.apart - pairs
    newest = replace(known, together=joined, apart=parted)
    newest = replace(newest, together=joined | pairs) if together else replace(newest, apart=parted | pairs)
    if len(newest.together) + len(newest.apart) <= _MOST_TAUGHT:
        tx.save_taught(newest, at=now)


def _keep_apart(tx: Transaction, one: str, other: str, now: float) -> None:
    """While both are open, no alert between them makes them one again."""
    known, still = tx.taught(), {row.id for row in tx.open_incidents()}
    pairs = {pair for pair in known.split if still >= set(pair)} | {(min(one, other), max(one, other))}
    tx.save_taught(replace(known, split=frozenset(pairs)), at=now)


def _show_end(tx: Transaction, row: IncidentRow, now: float) -> None:
    """Of an incident that is gone before anybody saw it nothing is posted."""
    if not tx.withdraw_unseen(row.id):
        _show(tx, row, now)


def _show(tx: Transaction, row: IncidentRow, now: float) -> None:
    tx.want_message(row.id, MessageKind.CARD, now=now)
    if tx.message(row.id, MessageKind.PROPOSAL) is not None:
        tx.want_message(row.id, MessageKind.PROPOSAL, now=now)
    if tx.message(row.id, MessageKind.ANNOUNCEMENT) is not None:
        tx.want_message(row.id, MessageKind.ANNOUNCEMENT, now=now)
