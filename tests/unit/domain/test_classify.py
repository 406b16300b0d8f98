"""What a diagnosis says about itself: class with reasons, severity by impact, signals, path, and the same from the log."""

import json
from dataclasses import replace

import pytest

from bot.domain.diagnosis.classify import classified
from bot.domain.diagnosis.engine import diagnose
from bot.domain.diagnosis.grounds import path_score
from bot.domain.diagnosis.symptoms import Anomaly, Route, ServiceState
from bot.domain.evidence import CauseClass, Classification, Conclusion, Diagnosis
from bot.domain.evidence_json import (
    diagnosis_with_evidence,
    diagnosis_with_ranking,
    evidence_body,
    ranking_body,
)
from bot.domain.telemetry import PlannedEvent, Signal
from tests.unit.domain.incidents import ONSET, SHOP, alerts, system, telemetry
from tests.unit.domain.test_diagnosis import bad_deploy, launched


def classification(found: Diagnosis) -> Classification:
    assert found.classification is not None
    return found.classification


def unwell(name: str, route: Route, before: float, after: float, onset_at: float = ONSET) -> ServiceState:
    signal = Signal.ERROR_RATIO if route is Route.ERROR else Signal.LATENCY
    return ServiceState(name, (Anomaly(name, signal, route, 0.8, before, after, onset_at, 9.0, True),))


def test_a_bad_deploy_is_a_deploy_because_of_the_deploy() -> None:
    found = diagnose(bad_deploy())
    told = classification(found)
    assert (told.cause, told.severity) == (CauseClass.DEPLOY, 2)
    assert "deploy of cart" in told.because[0]
    assert told.impact.entries == ("front",)
    assert told.impact.errors == pytest.approx(0.25, abs=0.02)
    assert {ground.name for ground in found.hypotheses[0].grounds} >= {"change", "metric", "topology"}
    assert found.hypotheses[0].path_score == 1.0


def test_expected_load_is_planned_and_nothing_is_broken() -> None:
    event = PlannedEvent("sale", "spring sale", ONSET - 600, ONSET + 3600)
    told = classification(diagnose(replace(launched(), planned_events=(event,))))
    assert (told.cause, told.severity, told.severity_because) == (CauseClass.PLANNED, 4, "nothing is broken")


def test_without_a_sure_cause_the_class_is_unknown_and_says_so() -> None:
    found = diagnose(telemetry(alerts=alerts("cart"), topology=SHOP))
    assert found.conclusion is Conclusion.NOT_CONFIDENT
    assert classification(found).cause is CauseClass.UNKNOWN
    calm = diagnose(telemetry(alerts=alerts("cart"), topology=SHOP, series=system({})))
    assert calm.conclusion is Conclusion.NO_INCIDENT
    assert (classification(calm).cause, classification(calm).severity) == (CauseClass.UNKNOWN, 4)


@pytest.mark.parametrize(
    ("states", "severity"),
    [
        ([unwell("front", Route.ERROR, 0.0, 0.7)], 1),
        ([unwell("front", Route.ERROR, 0.0, 0.06)], 2),
        ([unwell("front", Route.ERROR, 0.0, 0.02)], 3),
        ([unwell("front", Route.LATENCY, 0.1, 0.5)], 3),
        ([unwell("cart", Route.ERROR, 0.0, 0.7)], 4),
        ([unwell("cart", Route.ERROR, 0.0, 0.7), unwell("stock", Route.ERROR, 0.0, 0.7)], 3),
        ([unwell(f"s{at}", Route.ERROR, 0.0, 0.7) for at in range(5)], 2),
        ([], 0),
    ],
)
def test_severity_by_what_users_get_then_by_how_many_suffer(
    states: list[ServiceState], severity: int
) -> None:
    entries = [one.service for one in states if one.service == "front"]
    found = classified(
        Diagnosis(Conclusion.NOT_CONFIDENT, (), ()), {one.service: one for one in states}, entries, []
    )
    assert classification(found).severity == severity
    assert classification(found).severity_because


def test_a_path_scores_by_the_hops_that_readings_bear_out() -> None:
    states = {
        "store": unwell("store", Route.LATENCY, 0.1, 0.9, ONSET),
        "cart": unwell("cart", Route.LATENCY, 0.1, 0.9, ONSET + 30),
        "early": unwell("early", Route.LATENCY, 0.1, 0.9, ONSET - 900),
        "calm": ServiceState("calm"),
    }
    none: frozenset[str] = frozenset()
    assert path_score(("store", "cart"), states, none) == 1.0
    assert path_score(("store", "calm"), states, none) == 0.0
    assert path_score(("store", "calm"), states, frozenset({"calm"})) == 0.5
    assert path_score(("store", "early"), states, none) == 0.25
    assert path_score(("store", "cart", "calm"), states, none) == 0.5
    assert path_score(("store",), states, none) == 1.0


def test_the_log_gives_back_what_the_engine_said() -> None:
    found = diagnose(bad_deploy())
    body, ranking = (json.loads(json.dumps(part)) for part in (evidence_body(found), ranking_body(found)))
    again = diagnosis_with_ranking(diagnosis_with_evidence(None, body), ranking)
    assert again == found
    old = {key: value for key, value in ranking.items() if key in ("conclusion", "hypotheses", "engine")}
    for one in old["hypotheses"]:
        for name in ("rules", "look", "grounds", "path_score"):
            del one[name]
    assert diagnosis_with_ranking(None, old).classification is None
