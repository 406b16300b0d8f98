"""declare: open an incident for a group of alerts, or by a person's hand; card and announcement are wanted at once."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.domain.alert import Alert, AlertSeverity, is_critical
from bot.domain.event import EventType, NewEvent
from bot.domain.incident import LOOSE_KEY, IncidentState, Severity
from bot.domain.records import IncidentRow, MessageKind, TaskKind
from bot.domain.redaction import redact
from bot.domain.severity import Judged, judge
from bot.domain.telemetry import PlannedEffect, PlannedEvent
from bot.pipeline.planned import matched
from bot.pipeline.usual import EVERYDAY_KEY, EVERYDAY_TITLE
from bot.ports import Transaction

# Why the first investigation of an incident is due.
DECLARED = "declared"
_TITLE_CHARS = 120
# A card that nobody has seen, and the first investigation, wait so long for the rest of their storm.
HOLD_S = 2.5
LOOSE_TITLE = "Loose ends: alerts that nothing connects"


@dataclass(frozen=True, slots=True)
class Declared:
    """A declared incident: its id and the task that investigates it, 0 where none does."""

    incident: str
    task: int


def declare(
    tx: Transaction,
    by_service: Mapping[str, Sequence[Alert]],
    *,
    incident: str,
    now: float,
    show_at: float | None = None,
    observe_only: bool,
    planned: PlannedEvent | None = None,
) -> Declared:
    """Open an incident for alerts that belong to no open one; before `show_at` nobody is told, unless it is asked for."""
    judged = judge_services(by_service)
    services = tuple(sorted(by_service))
    service, name = _lead(by_service)
    others = len(services) - 1
    title = f"{name} on {service or 'an unnamed service'}" + (
        f" and {others} more {'services' if others > 1 else 'service'}" if others else ""
    )
    open_key = f"{now:.3f}:{services[0]}"
    severity = judged.severity if planned is None else Severity.SEV4
    row = _row(tx, incident, title, severity, open_key, services, now)
    reason = judged.reason if planned is None else f"it falls inside the planned event {planned.title}"
    looked_into = planned is None or planned.effect is not PlannedEffect.SUPPRESS
    declared = _open(
        tx,
        row,
        reason,
        by="",
        now=now,
        show_at=show_at,
        observe_only=observe_only,
        investigate=looked_into,
    )
    if planned is not None:
        tx.append(incident, [matched(planned)], at_ms=round(now * 1000))
    return declared


def declare_everyday(
    tx: Transaction, *, incident: str, now: float, show_at: float, observe_only: bool
) -> None:
    """Open the day's incident of alerts that fire on any day; nobody looks into it. Yesterday's is closed."""
    for old in tx.open_incidents():
        if old.open_key == EVERYDAY_KEY:
            closed = {"to": IncidentState.CANCELLED.value, "reason": "a new day's has begun", "by": ""}
            tx.append(old.id, [NewEvent(EventType.STATUS_CHANGED, closed)], at_ms=round(now * 1000))
            tx.set_state(old.id, IncidentState.CANCELLED)
            tx.want_message(old.id, MessageKind.CARD, now=now)
    row = _row(tx, incident, EVERYDAY_TITLE, Severity.SEV4, EVERYDAY_KEY, (), now)
    reason = "these fire on most days, at this rate"
    _open(tx, row, reason, by="", now=now, show_at=show_at, observe_only=observe_only, investigate=False)


def declare_loose(tx: Transaction, *, incident: str, now: float, observe_only: bool) -> None:
    """Open the incident of what nothing connects while many incidents begin; nobody looks into it."""
    row = _row(tx, incident, LOOSE_TITLE, Severity.SEV3, f"{LOOSE_KEY}{now:.3f}", (), now)
    reason = "many incidents began within a minute; these are the small ones"
    _open(tx, row, reason, by="", now=now, show_at=now + HOLD_S, observe_only=observe_only, investigate=False)


def declare_by_hand(
    tx: Transaction, *, incident: str, title: str, severity: Severity, by: str, now: float, observe_only: bool
) -> Declared:
    """Open an incident that a person asked for."""
    row = _row(tx, incident, title, severity, f"by-hand:{incident}", (), now)
    return _open(tx, row, f"declared by <@{by}>", by=by, now=now, observe_only=observe_only)


def judge_alerts(alerts: Sequence[Alert]) -> Judged:
    """Severity of a set of alerts, with its reason."""
    critical = Counter([alert.service for alert in alerts if alert.severity is AlertSeverity.CRITICAL])
    return judge(critical, len({alert.service for alert in alerts}), len(alerts))


def judge_services(by_service: Mapping[str, Sequence[Alert]]) -> Judged:
    """The same of alerts that are sorted out already."""
    critical = dict.fromkeys(_critical(by_service), 1)
    return judge(critical, len(by_service), sum(map(len, by_service.values())))


def _critical(by_service: Mapping[str, Sequence[Alert]]) -> list[str]:
    """The services that have a critical alert."""
    return [service for service, alerts in by_service.items() if any(map(is_critical, alerts))]


def _lead(by_service: Mapping[str, Sequence[Alert]]) -> tuple[str, str]:
    """Service and name of what names the incident: critical before others, of the loudest service, by name where equal."""
    critical = _critical(by_service)
    loudest = min(critical or by_service, key=lambda service: (-len(by_service[service]), service))
    its = by_service[loudest]
    return loudest, min(one.name for one in its if not critical or is_critical(one))


def _row(
    tx: Transaction,
    incident: str,
    title: str,
    severity: Severity,
    open_key: str,
    services: tuple[str, ...],
    now: float,
) -> IncidentRow:
    return IncidentRow(
        id=incident,
        number=tx.next_number(),
        open_key=open_key,
        state=IncidentState.INVESTIGATING,
        severity=severity,
        title=redact(title)[:_TITLE_CHARS],
        opened_at=now,
        last_alert_at=now,
        services=services,
    )


def _open(
    tx: Transaction,
    row: IncidentRow,
    reason: str,
    *,
    by: str,
    now: float,
    show_at: float | None = None,
    observe_only: bool,
    investigate: bool = True,
) -> Declared:
    shown = now if show_at is None else show_at
    tx.insert_incident(row)
    body = {
        "number": row.number,
        "title": row.title,
        "severity": int(row.severity),
        "reason": reason,
        "key": row.open_key,
        "own_channel": row.severity.own_channel,
        "observe_only": observe_only,
        "looked_into": investigate,
        "by": by,
    }
    tx.append(row.id, [NewEvent(EventType.INCIDENT_DECLARED, body)], at_ms=round(now * 1000))
    tx.want_message(row.id, MessageKind.CARD, now=shown)
    if row.severity.own_channel:
        tx.want_message(row.id, MessageKind.ANNOUNCEMENT, now=shown)
    task = tx.add_task(TaskKind.INVESTIGATE, row.id, DECLARED, due_at=shown) if investigate else 0
    return Declared(row.id, task)
