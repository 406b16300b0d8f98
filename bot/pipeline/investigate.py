"""investigate: read, diagnose, write it down where people see it; then offer options; then let a model explain.

In that order, so that neither the options nor the card ever wait for a model. Everything may run again later: new
evidence replaces the old, options are renewed only while nobody has decided on one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from bot.domain.alert import Alert
from bot.domain.candidate import CRITICAL_WEIGHT, ServiceSummary, rank_candidates
from bot.domain.demotion import demoted
from bot.domain.diagnosis.engine import diagnose
from bot.domain.event import EventType, NewEvent
from bot.domain.evidence import Conclusion, Diagnosis, Explanation, Hypothesis
from bot.domain.evidence_json import evidence_body, explanation_body, ranking_body
from bot.domain.incident import Incident, IncidentState, Severity
from bot.domain.log_patterns import LogPatterns
from bot.domain.logs.counting import counted
from bot.domain.plan import PlanState
from bot.domain.records import MessageKind, Task
from bot.domain.redaction import redact
from bot.domain.severity import Judged, judge
from bot.domain.telemetry import Change, Missing, PlannedEffect, PlannedEvent, Readings, Telemetry
from bot.domain.topology import Topology
from bot.pipeline.collect import DEADLINE_S, collect, read_topology
from bot.pipeline.grade import grade
from bot.pipeline.load import MOST_OPEN, record_or_queue
from bot.pipeline.planned import matched
from bot.pipeline.propose import Proposed
from bot.pipeline.recall import recall
from bot.ports import Clock, EvidenceSource, Reasoner, Store, TopologySource, Transaction

HISTORY_S = 2400.0
# So many alerts are read word by word; what all of them weigh is counted by service.
MOST_ALERTS = 1000
# Nobody asked for such a look: the card need not say for a second that it is taken, and its headline need not flicker.
FURTHER_LOOK = "look "
MOST_SERVICES = 300
NEAR_HOPS = 3
MOST_HYPOTHESIS_POSTS = 3
_DECIDED = (PlanState.GRANTED, PlanState.RUNNING)

Propose = Callable[[Incident, Diagnosis], Proposed]


class Investigated(StrEnum):
    """How an investigation ended."""

    DONE = "done"
    NO_INCIDENT = "no_incident"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class InvestigationOutcome:
    """What came of it; `offered` counts options, `explained` is the model pass's status.

    `unread` says that options may be missing, because a live inventory or a source of evidence did not answer.
    """

    reason: Investigated
    conclusion: Conclusion | None = None
    suspect: str = ""
    confidence: float = 0.0
    offered: int = 0
    explained: str = ""
    unread: bool = False


@dataclass(frozen=True, slots=True)
class _Opening:
    incident: Incident
    alerts: tuple[Alert, ...]
    counts: Mapping[str, tuple[int, int]]
    planned: tuple[PlannedEvent, ...]
    changes: tuple[Change, ...]
    topology: Topology
    now: float


def investigate(
    task: Task,
    *,
    store: Store,
    sources: Sequence[EvidenceSource],
    topology: TopologySource | None,
    clock: Clock,
    reasoner: Reasoner,
    propose: Propose,
    deadline_s: float = DEADLINE_S,
    most_open: int = MOST_OPEN,
) -> InvestigationOutcome:
    """Investigate the task's incident once; raises Retryable when the store is away.

    `most_open` caps the proposals that may be open in one channel.
    """
    opening = store.read(lambda tx: _opening(tx, task.incident, clock.now()))
    if opening is None:
        return InvestigationOutcome(Investigated.NO_INCIDENT)
    if not opening.incident.state.open:
        return InvestigationOutcome(Investigated.CLOSED)
    store.transact(lambda tx: _begin(tx, task, opening.now))
    telemetry = _read(opening, sources, topology, deadline_s)
    diagnosis = _redacted(diagnose(telemetry))
    diagnosis = replace(diagnosis, precedents=store.read(lambda tx: recall(tx, opening.incident, diagnosis)))
    incident = store.transact(lambda tx: _conclude(tx, opening, diagnosis, clock.now()))
    offered, unread = _offer(store, incident, diagnosis, propose, clock, most_open)
    explanation = reasoner.explain(incident, diagnosis)
    store.transact(lambda tx: _explain(tx, incident.id, explanation, clock.now()))
    top = diagnosis.hypotheses[0] if diagnosis.hypotheses else None
    return InvestigationOutcome(
        Investigated.DONE,
        diagnosis.conclusion,
        top.service if top else "",
        top.confidence if top else 0.0,
        offered,
        explanation.status,
        unread or (not offered and any(gap.passing for gap in telemetry.missing)),
    )


def _opening(tx: Transaction, incident_id: str, now: float) -> _Opening | None:
    incident = tx.incident(incident_id)
    if incident is None:
        return None
    opened_at = incident.opened_ms / 1000
    return _Opening(
        incident,
        tuple(tx.some_alerts(incident_id, limit=MOST_ALERTS)),
        tx.alerting(incident_id),
        tuple(tx.planned_events(start=opened_at - HISTORY_S, end=now)),
        tuple(tx.changes(start=opened_at - HISTORY_S, end=now)),
        tx.topology(),
        now,
    )


def _begin(tx: Transaction, task: Task, now: float) -> None:
    started = NewEvent(EventType.INVESTIGATION_STARTED, {"reason": task.reason})
    tx.append(task.incident, [started], at_ms=_ms(now))
    if not task.reason.startswith(FURTHER_LOOK):
        tx.want_message(task.incident, MessageKind.CARD, now=now)


def _read(
    opening: _Opening,
    sources: Sequence[EvidenceSource],
    topology_source: TopologySource | None,
    deadline_s: float,
) -> Telemetry:
    topology, gaps = read_topology(topology_source, opening.topology, now=opening.now)
    opened_at = opening.incident.opened_ms / 1000
    services = _services(opening.counts, topology)
    read = collect(sources, services, start=opened_at - HISTORY_S, end=opening.now, deadline_s=deadline_s)
    return Telemetry(
        opened_at=opened_at,
        now=opening.now,
        alerts=opening.alerts,
        series=read.series,
        logs=read.logs,
        changes=(*opening.changes, *read.changes),
        behaviours=read.behaviours,
        databases=read.databases,
        cluster=read.cluster,
        calls=read.calls,
        log_patterns=read.log_patterns or _counted(read),
        topology=topology,
        planned_events=opening.planned,
        missing=(*gaps, *read.missing, *_untold(opening)),
        weights=_weights(opening.counts),
    )


def _counted(read: Readings) -> tuple[LogPatterns, ...]:
    """Lines counted into patterns, where calls were seen that they can be held against."""
    return (counted(read.logs),) if read.calls and read.logs else ()


def _weights(counts: Mapping[str, tuple[int, int]]) -> dict[str, float]:
    """As `alert_weights` has them, critical alerts heavier, but of every alert."""
    return {name: count + (CRITICAL_WEIGHT - 1.0) * bad for name, (count, bad) in counts.items() if name}


def _untold(opening: _Opening) -> tuple[Missing, ...]:
    read, total = len(opening.alerts), sum(count for count, _ in opening.counts.values())
    words = f"all {total} were counted and the words of {read} were read"
    return (Missing("alerts", words),) if read < total else ()


def _services(counts: Mapping[str, tuple[int, int]], topology: Topology) -> list[str]:
    """Whom to ask about, most suspicious first: alerting services, then what is near them, then the rest."""
    summaries = [ServiceSummary(name, number, 0.0) for name, (number, _) in counts.items()]
    suspects = [candidate.service for candidate in rank_candidates(summaries, topology)]
    near = sorted(set().union(*(topology.within(name, NEAR_HOPS) for name in suspects[:20])))
    ordered = dict.fromkeys([*suspects, *near, *sorted(topology.nodes())])
    return list(ordered)[:MOST_SERVICES]


def _redacted(diagnosis: Diagnosis) -> Diagnosis:
    """No secret that a log line or a change title holds may reach the log, a post or a prompt."""
    evidence = tuple(
        replace(item, text=redact(item.text), quote=redact(item.quote), link=redact(item.link))
        for item in diagnosis.evidence
    )
    return replace(diagnosis, evidence=evidence, missing=tuple(redact(gap) for gap in diagnosis.missing))


def _conclude(tx: Transaction, opening: _Opening, diagnosis: Diagnosis, now: float) -> Incident:
    """Everything that the diagnosis changes, in one transaction."""
    incident_id = opening.incident.id
    current = tx.incident(incident_id) or opening.incident
    events = [
        NewEvent(EventType.EVIDENCE_COLLECTED, evidence_body(diagnosis)),
        NewEvent(EventType.HYPOTHESES_RANKED, {**ranking_body(diagnosis), **_demoted(opening, diagnosis)}),
        *_planned(opening, current, diagnosis),
    ]
    state, judged = _next_state(current, diagnosis), _judged(tx, current, diagnosis)
    if state is not None:
        body = {"to": state.value, "reason": _verdict(diagnosis), "by": ""}
        events.append(NewEvent(EventType.STATUS_CHANGED, body))
        tx.set_state(incident_id, state)
    tx.append(incident_id, events, at_ms=_ms(now))
    if judged is not None:
        grade(tx, incident_id, judged.severity, reason=judged.reason, now=now)
    tx.want_message(incident_id, MessageKind.CARD, now=now)
    tx.want_message(incident_id, MessageKind.EVIDENCE, now=now)
    if _changed_top(current.diagnosis, diagnosis):
        _want_hypothesis(tx, incident_id, now)
    return tx.incident(incident_id) or current


def _demoted(opening: _Opening, diagnosis: Diagnosis) -> dict[str, object]:
    """Whose alerts are put down to the cause, and whose are not; nothing where no cause was found."""
    if diagnosis.conclusion is not Conclusion.CAUSE_FOUND or not diagnosis.hypotheses:
        return {}
    alerting = set(opening.counts)
    found = demoted(diagnosis.hypotheses[0].service, alerting, opening.topology)
    return {"symptoms": [list(pair) for pair in found.symptoms], "apart": list(found.apart)}


def _planned(opening: _Opening, current: Incident, diagnosis: Diagnosis) -> list[NewEvent]:
    """The planned event that the incident falls into, once; it is context even where it explains nothing."""
    if current.planned_event:
        return []
    services = [hypothesis.service for hypothesis in diagnosis.hypotheses[:1]]
    services += sorted(opening.counts)
    at = opening.incident.opened_ms / 1000
    for event in opening.planned:
        if any(event.covers(service, at) for service in services):
            return [matched(event)]
    return []


def _next_state(incident: Incident, diagnosis: Diagnosis) -> IncidentState | None:
    known = diagnosis.conclusion in (Conclusion.CAUSE_FOUND, Conclusion.EXPECTED_LOAD)
    return IncidentState.IDENTIFIED if known and incident.state is IncidentState.INVESTIGATING else None


def _judged(tx: Transaction, incident: Incident, diagnosis: Diagnosis) -> Judged | None:
    """Another severity, with its reason. Expected load alone lowers it; what people suffer only ever raises it."""
    if diagnosis.conclusion is Conclusion.EXPECTED_LOAD:
        lowest = Judged(Severity.SEV4, "the load is expected, nothing is broken")
        return lowest if incident.severity is not Severity.SEV4 else None
    found = [_no_longer_expected(tx, incident, diagnosis), _by_impact(incident, diagnosis)]
    worse = [one for one in found if one is not None and one.severity < incident.severity]
    return min(worse, key=lambda one: one.severity, default=None)


def _by_impact(incident: Incident, diagnosis: Diagnosis) -> Judged | None:
    """What the readings say of the people who suffer; nothing where a planned event has taken the alarm away."""
    found = diagnosis.classification
    quiet = incident.planned_effect not in ("", PlannedEffect.EXPLAIN.value)
    if found is None or not found.severity or quiet or diagnosis.conclusion is Conclusion.NO_INCIDENT:
        return None
    return Judged(Severity(found.severity), f"by impact: {found.severity_because}")


def _no_longer_expected(tx: Transaction, incident: Incident, diagnosis: Diagnosis) -> Judged | None:
    """What was lowered as expected load and is something else now is judged by what fires."""
    was = incident.diagnosis is not None and incident.diagnosis.conclusion is Conclusion.EXPECTED_LOAD
    if not was or diagnosis.conclusion is Conclusion.EXPECTED_LOAD:
        return None
    firing = tx.firing_by_service(incident.id)
    count = sum(number for number, _ in firing.values())
    judged = judge({name: bad for name, (_, bad) in firing.items()}, len(firing), count)
    return replace(judged, reason=f"no longer explained by load: {judged.reason}")


def _verdict(diagnosis: Diagnosis) -> str:
    top = diagnosis.hypotheses[0]
    return f"{top.cause.value.replace('_', ' ')}: {top.service}, confidence {top.confidence:.2f}"


def _changed_top(before: Diagnosis | None, after: Diagnosis) -> bool:
    if before is None or not before.hypotheses or not after.hypotheses:
        return False
    return _cause(before.hypotheses[0]) != _cause(after.hypotheses[0])


def _cause(hypothesis: Hypothesis) -> tuple[str, str]:
    return hypothesis.service, hypothesis.cause.value


def _want_hypothesis(tx: Transaction, incident: str, now: float) -> None:
    for number in range(1, MOST_HYPOTHESIS_POSTS + 1):
        if tx.message(incident, MessageKind.HYPOTHESIS, key=str(number)) is None:
            tx.want_message(incident, MessageKind.HYPOTHESIS, key=str(number), now=now)
            return


def _offer(
    store: Store, incident: Incident, diagnosis: Diagnosis, propose: Propose, clock: Clock, most_open: int
) -> tuple[int, bool]:
    """Bind playbooks outside any transaction, then record the options unless somebody has decided meanwhile.

    Returns how many are offered, and whether an inventory did not answer.
    """
    if _decided(incident):
        return 0, False
    proposed = propose(incident, diagnosis)

    def record(tx: Transaction) -> int:
        current = tx.incident(incident.id)
        if current is None or not current.state.open or _decided(current):
            return 0
        return record_or_queue(tx, incident.id, proposed, now=clock.now(), most=most_open)

    return store.transact(record), proposed.unread


def _decided(incident: Incident) -> bool:
    return any(option.state in _DECIDED for option in incident.options)


def _explain(tx: Transaction, incident: str, explanation: Explanation, now: float) -> None:
    tx.append(incident, [NewEvent(EventType.EXPLAINED, explanation_body(explanation))], at_ms=_ms(now))
    tx.want_message(incident, MessageKind.CARD, now=now)
    if explanation.author != "engine":
        tx.want_message(incident, MessageKind.EVIDENCE, now=now)


def _ms(at: float) -> int:
    return round(at * 1000)
