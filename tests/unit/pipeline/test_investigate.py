"""investigate: what is written and wanted, in which order, and that no source and no model can hold it up."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from bot.adapters.reasoner.none import NoReasoner
from bot.adapters.reasoner.scripted import ScriptedReasoner
from bot.adapters.store.sql import SqlStore
from bot.domain.correlation import sorted_out
from bot.domain.errors import Retryable
from bot.domain.event import EventType, NewEvent
from bot.domain.evidence import Conclusion, Diagnosis, EvidenceKind, Explanation, Sentence
from bot.domain.incident import Incident, IncidentState, Severity
from bot.domain.plan import PlanState
from bot.domain.records import MessageKind, StoredAlert, Task
from bot.domain.telemetry import LogLine, PlannedEvent, Readings, Telemetry
from bot.domain.topology import Topology
from bot.pipeline.declare import declare
from bot.pipeline.investigate import Investigated, InvestigationOutcome, investigate
from bot.pipeline.propose import Proposed
from tests.unit.domain.incidents import NOW, ONSET, OPENED, SHOP, alerts, system, telemetry
from tests.unit.domain.test_diagnosis import bad_deploy, launched
from tests.unit.domain.test_intrusion import PODS, struck, usual

ID = "incident-1"


@dataclass
class At:
    at: float = NOW

    def now(self) -> float:
        return self.at


@dataclass
class Told:
    """A source that returns what it was given."""

    readings: Readings
    name: str = "told"
    asked: list[Sequence[str]] = field(default_factory=list)

    def collect(self, services: Sequence[str], *, start: float, end: float) -> Readings:
        self.asked.append(services)
        return self.readings


@dataclass
class Stuck:
    """A source that does not answer until it is let go."""

    go: threading.Event
    name: str = "stuck"
    waited_out: bool = False

    def collect(self, services: Sequence[str], *, start: float, end: float) -> Readings:
        self.waited_out = not self.go.wait(60)
        return Readings()


class Broken:
    """A source with a defect."""

    name = "broken"

    def collect(self, services: Sequence[str], *, start: float, end: float) -> Readings:
        raise KeyError("missing")


@dataclass
class Graph:
    """A topology source, or one that is away."""

    found: Topology = SHOP
    away: bool = False

    def topology(self, *, now: float, fresh: bool = False) -> Topology:
        if self.away:
            raise Retryable("the graph is away")
        return self.found


def nothing(_incident: Incident, _diagnosis: Diagnosis) -> Proposed:
    return Proposed((), (("rollback", "not here"),))


def readings(told: Telemetry) -> Readings:
    return Readings(told.series, told.logs, told.changes, behaviours=told.behaviours)


@pytest.fixture
def opened(store: SqlStore) -> SqlStore:
    """A store with one open incident that holds the alerts of a bad deploy."""
    found = bad_deploy().alerts

    def work(tx):
        declare(tx, sorted_out(found), incident=ID, now=OPENED, observe_only=False)
        tx.save_alerts([StoredAlert(alert, ID, "first", 1, 1) for alert in found])

    store.transact(work)
    return store


def run(store: SqlStore, told: Telemetry, **more) -> InvestigationOutcome:
    given = {
        "store": store,
        "sources": [Told(readings(told))],
        "topology": Graph(),
        "clock": At(),
        "reasoner": NoReasoner(),
        "propose": nothing,
        **more,
    }
    return investigate(Task(1, "investigate", ID, "declared", 1, 1), **given)  # type: ignore[arg-type]


def incident(store: SqlStore) -> Incident:
    found = store.read(lambda tx: tx.incident(ID))
    assert found is not None
    return found


def types(store: SqlStore) -> list[EventType]:
    return [event.type for event in store.read(lambda tx: tx.events(ID))]


def test_it_finds_writes_and_wants(opened: SqlStore):
    outcome = run(opened, bad_deploy())
    assert (outcome.reason, outcome.suspect) == (Investigated.DONE, "cart")
    seen = incident(opened)
    assert seen.state is IncidentState.IDENTIFIED
    assert seen.diagnosis is not None
    assert seen.diagnosis.conclusion is Conclusion.CAUSE_FOUND
    assert seen.explanation is not None
    assert not seen.investigating
    row = opened.read(lambda tx: tx.incident_row(ID))
    assert row is not None
    assert row.state is IncidentState.IDENTIFIED
    wanted = {
        kind: opened.read(lambda tx, kind=kind: tx.message(ID, kind))
        for kind in (MessageKind.CARD, MessageKind.EVIDENCE)
    }
    assert all(wanted.values())
    order = types(opened)
    assert order.index(EventType.HYPOTHESES_RANKED) < order.index(EventType.OPTIONS_PROPOSED)
    assert order.index(EventType.OPTIONS_PROPOSED) < order.index(EventType.EXPLAINED)


def test_sources_are_asked_about_the_most_suspicious_first(opened: SqlStore):
    source = Told(readings(bad_deploy()))
    run(opened, bad_deploy(), sources=[source])
    assert source.asked[0][0] == "cart"
    assert set(source.asked[0]) == SHOP.nodes()


def test_of_a_storm_the_words_of_some_are_read_and_every_alert_is_counted(
    opened: SqlStore, monkeypatch: pytest.MonkeyPatch
):
    whole = run(opened, bad_deploy())
    found = incident(opened).diagnosis
    monkeypatch.setattr("bot.pipeline.investigate.MOST_ALERTS", 1)
    part = run(opened, bad_deploy())
    again = incident(opened).diagnosis
    total = len(bad_deploy().alerts)
    assert total > 1
    assert (part.suspect, part.conclusion) == (whole.suspect, whole.conclusion)
    assert [one.service for one in again.hypotheses] == [one.service for one in found.hypotheses]
    assert set(again.missing) - set(found.missing) == {
        f"alerts: all {total} were counted and the words of 1 were read"
    }


def test_a_stuck_and_a_broken_source_are_missing_and_hold_nothing_up(opened: SqlStore):
    go = threading.Event()
    stuck = Stuck(go)
    sources = [stuck, Broken(), Told(readings(bad_deploy()))]
    outcome = run(opened, bad_deploy(), sources=sources, deadline_s=2.0)
    assert not stuck.waited_out
    go.set()
    assert outcome.suspect == "cart"
    assert outcome.unread
    missing = incident(opened).diagnosis.missing
    assert any(gap.startswith("stuck: no answer") for gap in missing)
    assert any(gap.startswith("broken: failed: KeyError") for gap in missing)


def test_what_no_repetition_cures_is_not_called_unread(opened: SqlStore):
    assert not run(opened, bad_deploy(), sources=[Broken(), Told(readings(bad_deploy()))]).unread


def test_a_topology_that_is_away_falls_back_to_the_stored_one(opened: SqlStore):
    opened.transact(lambda tx: tx.save_topology(SHOP))
    outcome = run(opened, bad_deploy(), topology=Graph(away=True))
    assert outcome.suspect == "cart"
    assert any("the graph is away" in gap for gap in incident(opened).diagnosis.missing)


def test_the_card_does_not_wait_for_the_model(opened: SqlStore):
    seen: list[IncidentState] = []

    class Slow:
        name = "slow"

        def explain(self, _incident: Incident, _diagnosis: Diagnosis) -> Explanation:
            seen.append(incident(opened).state)
            assert EventType.OPTIONS_PROPOSED in types(opened)
            return Explanation("engine", "timeout")

    assert run(opened, bad_deploy(), reasoner=Slow()).explained == "timeout"
    assert seen == [IncidentState.IDENTIFIED]


def test_a_model_cannot_change_the_ranking(opened: SqlStore):
    lies = ScriptedReasoner([Sentence("search is the cause", ("E1",)), Sentence("do it", ("E77",))])
    run(opened, bad_deploy(), reasoner=lies)
    seen = incident(opened)
    assert seen.diagnosis.hypotheses[0].service == "cart"
    assert (seen.explanation.author, seen.explanation.dropped) == ("engine", 2)


def test_expected_load_lowers_the_severity_and_names_the_event(opened: SqlStore):
    event = PlannedEvent("P1", "Spring launch", NOW - 600, NOW + 3600, ("front",))
    opened.transact(lambda tx: tx.add_planned_event(event))
    outcome = run(opened, launched())
    seen = incident(opened)
    assert outcome.conclusion is Conclusion.EXPECTED_LOAD
    assert (seen.severity, seen.planned_event) == (Severity.SEV4, "Spring launch")
    row = opened.read(lambda tx: tx.incident_row(ID))
    assert row is not None
    assert row.severity is Severity.SEV4


def test_foreign_code_raises_the_severity_and_nothing_lowers_it_again(store: SqlStore):
    few = alerts("stock")
    told = telemetry(series=system({}), alerts=few, behaviours=(*usual(), *struck(PODS[:3])))

    def work(tx):
        declare(tx, sorted_out(few), incident=ID, now=OPENED, observe_only=False)
        tx.save_alerts([StoredAlert(alert, ID, "first", 1, 1) for alert in few])

    store.transact(work)
    assert incident(store).severity > Severity.SEV2
    for _ in range(2):
        run(store, told)
        assert incident(store).severity is Severity.SEV2
    assert types(store).count(EventType.SEVERITY_CHANGED) == 1


def test_secrets_in_logs_never_reach_the_log(opened: SqlStore):
    told = bad_deploy()
    leak = tuple(LogLine("cart", ONSET + n, f"fatal: password=hunter2hunter2 refused {n}") for n in range(40))
    run(opened, replace(told, logs=(*told.logs, *leak)))
    records = b"".join(event.record for event in opened.read(lambda tx: tx.events(ID)))
    assert b"hunter2" not in records
    assert b"[redacted" in records


def test_looking_again_replaces_and_tells_of_a_changed_cause_at_most_three_times(opened: SqlStore):
    told = bad_deploy()
    unwell = {"cart": told, "front": replace(told, series=launched().series, changes=(), logs=())}
    for _ in range(5):
        for name in ("cart", "front"):
            run(opened, unwell[name])
    posted = [
        number
        for number in range(1, 9)
        if opened.read(lambda tx, n=number: tx.message(ID, MessageKind.HYPOTHESIS, key=str(n)))
    ]
    assert posted == [1, 2, 3]
    assert incident(opened).diagnosis.hypotheses[0].service == "front"


def test_a_decided_option_is_not_replaced(opened: SqlStore):
    asked: list[str] = []

    def propose(_incident: Incident, _diagnosis: Diagnosis) -> Proposed:
        asked.append("asked")
        return Proposed((), ())

    run(opened, bad_deploy(), propose=propose)
    plan = {"title": "t", "option": "A"}
    option = {"letter": "A", "plan_hash": "f" * 64, "plan": plan}

    def grant(tx):
        body = {"plan_hash": "f" * 64, "by": "U1", "at_ms": 1}
        tx.append(
            ID,
            [
                NewEvent(EventType.OPTIONS_PROPOSED, {"options": [option], "withheld": []}),
                NewEvent(EventType.APPROVAL_GRANTED, body),
            ],
            at_ms=1,
        )

    opened.transact(grant)
    run(opened, bad_deploy(), propose=propose)
    assert asked == ["asked"]
    assert incident(opened).options[0].state is PlanState.GRANTED


def test_a_closed_or_unknown_incident_is_left_alone(opened: SqlStore):
    opened.transact(lambda tx: tx.set_state(ID, IncidentState.RESOLVED))
    closing = NewEvent(EventType.STATUS_CHANGED, {"to": "resolved", "reason": "quiet", "by": ""})
    opened.transact(lambda tx: tx.append(ID, [closing], at_ms=2))
    assert run(opened, bad_deploy()).reason is Investigated.CLOSED
    other = Task(2, "investigate", "nobody", "declared", 1, 1)  # type: ignore[arg-type]
    outcome = investigate(
        other, store=opened, sources=[], topology=None, clock=At(), reasoner=NoReasoner(), propose=nothing
    )
    assert outcome.reason is Investigated.NO_INCIDENT


def test_a_change_that_a_monitoring_system_told_is_evidence(opened: SqlStore):
    """As GitHub or Argo CD tell it: no control plane is read, and the deployment still stands beside the onset."""
    told = bad_deploy()
    without = replace(told, changes=())
    run(opened, without)
    kinds = {item.kind for item in incident(opened).diagnosis.evidence}
    assert EvidenceKind.CHANGE not in kinds
    opened.transact(lambda tx: tx.save_changes("repositories", told.changes))
    outcome = run(opened, without)
    seen = incident(opened).diagnosis
    assert outcome.suspect == "cart"
    assert any(item.kind is EvidenceKind.CHANGE and item.service == "cart" for item in seen.evidence)
