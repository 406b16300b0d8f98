"""part: give the second of two stories an incident of its own, once a storm has settled; never against a person's word.

Runs in the correlator's sweep and not in its passes: while alerts still come in, nobody can tell what hangs together,
and a storm must not wait for it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

from bot.domain.alert import Alert
from bot.domain.candidate import ServiceSummary
from bot.domain.common_ground import CHANGE_WINDOW_S, ground_of
from bot.domain.event import EventType, NewEvent
from bot.domain.evidence import Conclusion, EvidenceRole
from bot.domain.incident import Incident
from bot.domain.parting import Parting, parted, parted_by
from bot.domain.plan import PlanState
from bot.domain.records import IncidentRow, TaskKind
from bot.pipeline.loose import is_loose
from bot.pipeline.regroup import split
from bot.pipeline.usual import EVERYDAY_KEY
from bot.ports import Store, Transaction

SETTLED_S = 90.0  # Rules fire up to a minute late.
GROWN = 1.1  # Looked at again once it has a tenth more alerts, or another diagnosis.
MOST_ALERTS = 5000
_PLACES = ("zone", "region", "availability_zone", "node", "host", "rack", "cluster")
_BUSY = (PlanState.GRANTED, PlanState.RUNNING)


@dataclass(slots=True)
class Parter:
    """What it takes, and how large each incident was when it was last looked at."""

    store: Store
    new_id: Callable[[], str]
    observe_only: bool
    _seen: dict[str, tuple[int, tuple[str, ...]]] = field(default_factory=dict)

    def look(self, now: float) -> list[int]:
        """Part what falls apart; the tasks that look into the parts. `now` in unix seconds."""
        tasks: list[int] = []
        for row, parting in self.store.read(partial(self._found, now=now)):
            tasks += self.store.transact(partial(self._part, row=row, parting=parting, now=now))
        return tasks

    def _found(self, tx: Transaction, now: float) -> list[tuple[IncidentRow, Parting]]:
        found = []
        rows = [row for row in tx.open_incidents() if row.open_key != EVERYDAY_KEY and not is_loose(row)]
        self._seen = {row.id: self._seen[row.id] for row in rows if row.id in self._seen}
        for row in rows:
            if now - row.opened_at >= SETTLED_S and len(row.services) > 1:
                incident = tx.incident(row.id)
                parting = self._judged(tx, incident) if incident is not None else None
                found += [(row, parting)] if parting is not None else []
        return found

    def _judged(self, tx: Transaction, incident: Incident) -> Parting | None:
        size, causes = incident.alerts_total, _causes(incident)
        old, known = self._seen.get(incident.id, (0, ()))
        if size < GROWN * old and causes == known:
            return None
        self._seen[incident.id] = size, causes
        if _settled_by_people(tx, incident.id) or incident.planned_event:
            return None
        # Those that have ended count too: while a fault heals, the middle of its story may end first.
        alerting = [
            ServiceSummary(name, count, 0.0) for name, count in sorted((incident.services or {}).items())
        ]
        topology = tx.topology()
        parting = parted(alerting, topology)
        if parting is not None:  # The places are read only where they matter.
            alerts = tx.incident_alerts(incident.id, limit=MOST_ALERTS)
            parting = parted(alerting, topology, places_of(alerts))
        if parting is not None and _have_more_in_common(tx, incident, parting, len(topology.nodes())):
            parting = None
        return parting or parted_by(causes, alerting, topology)

    def _part(self, tx: Transaction, row: IncidentRow, parting: Parting, now: float) -> list[int]:
        incident, current = tx.incident(row.id), tx.incident_row(row.id)
        if incident is None or current is None or _settled_by_people(tx, row.id):
            return []
        if any(plan.state in _BUSY for plan in tx.plans_of(row.id)) or _said_together(tx, parting):
            return []
        stays = _stays(incident, parting)
        tasks: list[int] = []
        for cause in parting.causes:
            services = [name for name, of in parting.part_of.items() if of == cause]
            newest = tx.incident_row(row.id)
            if cause == stays or newest is None:
                continue
            declared = split(
                tx,
                newest,
                services,
                incident=self.new_id(),
                reason=parting.why,
                by="",
                now=now,
                observe_only=self.observe_only,
            )
            tasks += [declared.task] if declared is not None else []
        if tasks:
            again = {"by": "", "reason": "another fault was split from it"}
            event = NewEvent(EventType.INVESTIGATION_REQUESTED, again)
            tx.append(row.id, [event], at_ms=round(now * 1000))
            tasks.append(tx.add_task(TaskKind.INVESTIGATE, row.id, again["reason"], due_at=now))
        return tasks


def _causes(incident: Incident) -> tuple[str, ...]:
    """Services for each of which the readings show a cause right there, where a cause was found at all."""
    diagnosis = incident.diagnosis
    if diagnosis is None or diagnosis.conclusion is not Conclusion.CAUSE_FOUND:
        return ()
    shown = {item.id: item.service for item in diagnosis.evidence if item.role is EvidenceRole.CAUSE}
    own = [
        one.service
        for one in diagnosis.hypotheses
        if any(shown.get(name) == one.service for name in one.evidence)
    ]
    return tuple(dict.fromkeys(own))[:2]


def _stays(incident: Incident, parting: Parting) -> str:
    """The part that keeps the incident: that of the cause that was found, else the weightiest."""
    diagnosis = incident.diagnosis
    found = diagnosis.hypotheses[:1] if diagnosis is not None else ()
    return next(
        (parting.part_of[one.service] for one in found if one.service in parting.part_of), parting.causes[0]
    )


def _settled_by_people(tx: Transaction, incident: str) -> bool:
    """Whether a person has merged or split it: then it is as they want it."""
    return any(one.type is EventType.ALERTS_MOVED and one.body["by"] for one in tx.events(incident))


def _said_together(tx: Transaction, parting: Parting) -> bool:
    part_of = parting.part_of
    return any(
        one in part_of and other in part_of and part_of[one] != part_of[other]
        for one, other in tx.taught().together
    )


def _have_more_in_common(tx: Transaction, incident: Incident, parting: Parting, services: int) -> bool:
    """Whether one change, or the same words, connect parts that no call does."""
    opened_at = incident.opened_ms / 1000
    changes = tx.changes(start=opened_at - CHANGE_WINDOW_S, end=opened_at + SETTLED_S)
    ground = ground_of(changes, [incident.said], services)
    groups = [*ground.changed.values(), *ground.said.values()]
    return any(
        len({parting.part_of[name] for name in group if name in parting.part_of}) > 1 for group in groups
    )


def places_of(alerts: Iterable[Alert]) -> dict[str, frozenset[tuple[str, str]]]:
    """The labels that say where each service runs."""
    found: dict[str, set[tuple[str, str]]] = {}
    for alert in alerts:
        said = ((name, alert.labels.get(name, "")) for name in _PLACES)
        found.setdefault(alert.service, set()).update((name, value) for name, value in said if value)
    return {service: frozenset(places) for service, places in found.items()}
