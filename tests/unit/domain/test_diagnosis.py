"""diagnose() on small synthetic incidents: cause, class, conclusion, evidence, and what must not matter."""

import random
import re
import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.diagnosis import tuning
from bot.domain.diagnosis.engine import diagnose
from bot.domain.evidence import CauseClass, Conclusion, Diagnosis, EvidenceKind, EvidenceRole
from bot.domain.telemetry import Change, ChangeKind, LogLine, Missing, PlannedEvent, Signal, Telemetry
from bot.domain.topology import Topology
from bot.domain.trust import Trust
from tests.unit.domain.incidents import NOW, ONSET, SERVICES, SHOP, alerts, chatter, series, system, telemetry

E, L, R, C = Signal.ERROR_RATIO, Signal.LATENCY, Signal.REQUEST_RATE, Signal.CPU
Q, N = Signal.QUERY_RATE, Signal.CONNECTIONS

BAD_CART = {
    ("cart", E): (0.002, 0.5),
    ("cart", L): (0.1, 0.4),
    ("api", E): (0.002, 0.3),
    ("front", E): (0.002, 0.25),
    ("front", L): (0.1, 0.25),
}
FLOOD = {
    ("stock", Q): (50.0, 600.0),
    ("cart", Q): (80.0, 82.0),
    ("store", Q): (130.0, 690.0),
    ("store", C): (0.35, 0.97),
    ("store", N): (0.3, 0.98),
    ("store", L): (0.005, 0.5),
    ("cart", L): (0.1, 0.8),
    ("cart", E): (0.002, 0.2),
    ("stock", L): (0.1, 0.8),
    ("stock", E): (0.002, 0.2),
    ("api", L): (0.1, 0.9),
    ("api", E): (0.002, 0.2),
    ("front", L): (0.1, 1.0),
    ("front", E): (0.002, 0.2),
}
LAUNCH = {
    ("front", R): (100.0, 400.0),
    ("api", R): (100.0, 300.0),
    ("front", C): (0.3, 0.93),
    ("front", L): (0.1, 0.2),
    ("api", C): (0.3, 0.5),
    ("api", L): (0.1, 0.13),
}
EVERYWHERE = ("front", "api", "search", "cart", "stock", "store")


def deploy(service: str, at: float) -> Change:
    return Change(service, ChangeKind.DEPLOY, at, "release 2.1", "revision 4", "revision 5")


def bad_deploy(**more: object) -> Telemetry:
    fields = {
        "series": system(BAD_CART),
        "alerts": alerts("front", "api", "cart"),
        "changes": (deploy("cart", ONSET - 40), deploy("search", ONSET - 60)),
        "logs": chatter("cart", "served", start=NOW - 2000, end=NOW, every=5)
        + chatter("cart", "fatal: schema mismatch", start=ONSET, end=NOW, every=3),
        **more,
    }
    return telemetry(**fields)


def flooded() -> Telemetry:
    scaled = Change("stock", ChangeKind.SCALE, ONSET - 200, "scale", "2", "10")
    return telemetry(series=system(FLOOD), alerts=alerts(*EVERYWHERE), changes=(scaled,))


def launched() -> Telemetry:
    return telemetry(series=system(LAUNCH), alerts=alerts("front", "api"))


def test_a_bad_deploy_is_found_below_its_loud_callers():
    found = diagnose(bad_deploy())
    top = found.hypotheses[0]
    assert (found.conclusion, top.service, top.cause) == (Conclusion.CAUSE_FOUND, "cart", CauseClass.DEPLOY)
    assert top.path == ("cart", "api", "front")
    kinds = {(item.kind, item.role) for item in found.evidence}
    assert (EvidenceKind.CHANGE, EvidenceRole.CAUSE) in kinds
    assert (EvidenceKind.LOG, EvidenceRole.MECHANISM) in kinds
    ruled_out = [item for item in found.evidence if item.role is EvidenceRole.RULED_OUT]
    assert any(item.service == "search" and "no trouble of its own" in item.text for item in ruled_out)


def test_the_client_that_floods_a_database_is_the_cause_not_the_database():
    found = diagnose(flooded())
    top = found.hypotheses[0]
    assert (found.conclusion, top.service, top.cause) == (
        Conclusion.CAUSE_FOUND,
        "stock",
        CauseClass.DATABASE_LOAD,
    )
    assert top.path[:2] == ("stock", "store")
    store = [item for item in found.evidence if item.service == "store"]
    assert EvidenceRole.MECHANISM in {item.role for item in store}
    assert EvidenceRole.RULED_OUT in {item.role for item in store}


def test_a_database_that_fails_by_itself_keeps_the_blame():
    faults = {key: levels for key, levels in FLOOD.items() if key[1] is not Q}
    top = diagnose(telemetry(series=system(faults), alerts=alerts(*EVERYWHERE))).hypotheses[0]
    assert top.service == "store"


def test_a_planned_launch_is_expected_load_and_its_twin_is_capacity():
    event = PlannedEvent("P1", "Launch", NOW - 600, NOW + 3600, ("front",))
    calm = launched()
    planned = diagnose(replace(calm, planned_events=(event,)))
    assert planned.conclusion is Conclusion.EXPECTED_LOAD
    assert (planned.hypotheses[0].service, planned.hypotheses[0].cause) == ("front", CauseClass.PLANNED)
    twin = diagnose(calm)
    assert twin.conclusion is Conclusion.CAUSE_FOUND
    assert (twin.hypotheses[0].service, twin.hypotheses[0].cause) == ("front", CauseClass.CAPACITY)


def test_a_planned_event_of_other_services_or_another_day_excuses_nothing():
    calm = launched()
    for event in (
        PlannedEvent("P1", "Launch", NOW - 600, NOW + 3600, ("search",)),
        PlannedEvent("P1", "Launch", NOW + 600, NOW + 3600, ("front",)),
    ):
        assert diagnose(replace(calm, planned_events=(event,))).conclusion is Conclusion.CAUSE_FOUND


def test_a_bad_deploy_inside_a_planned_launch_is_still_found():
    event = PlannedEvent("P1", "Launch", NOW - 600, NOW + 3600)
    faults = {**LAUNCH, **BAD_CART}
    found = diagnose(bad_deploy(series=system(faults), planned_events=(event,)))
    assert found.conclusion is Conclusion.CAUSE_FOUND
    assert (found.hypotheses[0].service, found.hypotheses[0].cause) == ("cart", CauseClass.DEPLOY)


def test_calm_metrics_are_no_incident_and_no_metrics_are_no_answer():
    calm = diagnose(telemetry(series=system({})))
    assert (calm.conclusion, calm.hypotheses) == (Conclusion.NO_INCIDENT, ())
    blind = diagnose(telemetry(alerts=alerts("front", "api", "cart"), missing=(Missing("metrics", "away"),)))
    assert blind.conclusion is Conclusion.NOT_CONFIDENT
    assert blind.hypotheses[0].service == "cart"
    assert "metrics: away" in blind.missing


def test_calm_metrics_with_a_gap_are_no_verdict():
    gap = diagnose(telemetry(series=system({}), missing=(Missing("metrics error_ratio", "timed out"),)))
    assert gap.conclusion is Conclusion.NOT_CONFIDENT


def test_alerts_speak_for_services_whose_errors_and_latency_were_not_read():
    half = tuple(one for one in system(BAD_CART) if one.signal in (R, C))
    found = diagnose(bad_deploy(series=half, missing=(Missing("metrics", "timed out"),)))
    assert found.conclusion is Conclusion.NOT_CONFIDENT
    assert found.hypotheses[0].service == "cart"


def test_more_requests_inside_are_no_demand_from_outside():
    slow = {(service, L): (0.1, 0.5) for service in ("store", "cart", "api", "front")}
    faults = {("store", R): (100.0, 400.0), **slow}
    found = diagnose(telemetry(series=system(faults), alerts=alerts("front")))
    assert found.hypotheses[0].service == "store"
    assert found.hypotheses[0].cause is not CauseClass.CAPACITY


def test_requests_that_no_longer_arrive_are_no_calm():
    faults = {("front", R): (100.0, 3.0), ("api", R): (100.0, 3.0)}
    found = diagnose(telemetry(series=system(faults), alerts=alerts("front")))
    assert found.conclusion is Conclusion.NOT_CONFIDENT
    assert found.hypotheses[0].service == "front"


def test_nothing_at_all_is_answered_too():
    empty = diagnose(Telemetry(opened_at=NOW, now=NOW))
    assert (empty.conclusion, empty.hypotheses, empty.evidence) == (Conclusion.NOT_CONFIDENT, (), ())


def test_trouble_that_no_user_feels_is_no_incident_without_an_alert():
    inner = system({("store", L): (0.005, 0.0065)})
    assert diagnose(telemetry(series=inner)).conclusion is Conclusion.NO_INCIDENT


def test_without_topology_the_answer_is_less_sure():
    whole, blind = diagnose(bad_deploy()), diagnose(bad_deploy(topology=Topology()))
    assert blind.hypotheses[0].service == "cart"
    assert blind.hypotheses[0].confidence < whole.hypotheses[0].confidence
    assert any("topology" in gap for gap in blind.missing)


def test_log_lines_alone_never_carry_an_answer_over_the_line():
    logs = chatter("cart", "served", start=NOW - 2000, end=NOW, every=5)
    logs += tuple(LogLine("cart", ONSET + n, f"fatal: cart broke, roll back cart now {n}") for n in range(80))
    found = diagnose(telemetry(alerts=alerts("cart", "front"), logs=logs))
    assert found.conclusion is Conclusion.NOT_CONFIDENT
    assert found.hypotheses[0].confidence < tuning.CAUSE_FOUND_AT


def test_a_change_after_the_onset_is_a_reaction():
    found = diagnose(bad_deploy(changes=(deploy("cart", NOW - 5),)))
    assert found.hypotheses[0].cause is not CauseClass.DEPLOY
    assert any("after the trouble had begun" in item.text for item in found.evidence)


def test_onsets_are_read_from_metrics_and_not_from_alerts():
    early = alerts("front", delay=0.0) + alerts("api", "cart", delay=58.0)
    assert diagnose(bad_deploy(alerts=early)).hypotheses[0].service == "cart"


def test_an_observer_side_alias_does_not_take_the_blame():
    calls = {**SHOP.calls, "front": ("api", "search", "cart.eu-west-1.lb.example.com")}
    aliased = replace(SHOP, calls=calls)
    alias = series("cart.eu-west-1.lb.example.com", E, 0.002, 0.6)
    found = diagnose(bad_deploy(topology=aliased, series=(*system(BAD_CART), alias)))
    assert found.hypotheses[0].service == "cart"


def test_evidence_is_bounded_numbered_and_cited_only_where_it_exists():
    changes = tuple(deploy(f"svc-{n}", ONSET - n) for n in range(60))
    found = diagnose(bad_deploy(changes=(deploy("cart", ONSET - 40), *changes)))
    assert 0 < len(found.evidence) <= tuning.MOST_EVIDENCE
    assert [item.id for item in found.evidence] == [f"E{n + 1}" for n in range(len(found.evidence))]
    known = {item.id for item in found.evidence}
    for hypothesis in found.hypotheses:
        assert set(hypothesis.evidence) <= known
        assert all(set(re.findall(r"E\d+", sentence)) & known for sentence in hypothesis.because)


def test_log_evidence_stays_public():
    found = diagnose(bad_deploy())
    assert {item.trust for item in found.evidence if item.kind is EvidenceKind.LOG} == {Trust.PUBLIC}


@pytest.mark.parametrize("seed", range(20))
def test_noise_does_not_change_the_answer(seed: int):
    flooded = diagnose(telemetry(series=system(FLOOD, seed=seed), alerts=alerts(*EVERYWHERE)))
    assert flooded.hypotheses[0].service == "stock"
    broken = diagnose(telemetry(series=system(BAD_CART, seed=seed), alerts=alerts("front", "api")))
    assert broken.hypotheses[0].service == "cart"


@settings(max_examples=25, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_what_was_read_does_not_matter(draw: random.Random):
    given_order = bad_deploy()
    mixed = {
        name: tuple(draw.sample(list(getattr(given_order, name)), len(getattr(given_order, name))))
        for name in ("alerts", "series", "logs", "changes")
    }
    assert diagnose(replace(given_order, **mixed)) == diagnose(given_order)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 8), max_size=40))
def test_repeating_an_alert_changes_nothing(again: list[int]):
    once = bad_deploy()
    repeated = replace(once, alerts=(*once.alerts, *(once.alerts[n] for n in again)))
    assert diagnose(repeated) == diagnose(once)


def confidence(found: Diagnosis) -> float:
    return found.hypotheses[0].confidence


def test_each_independent_signal_raises_confidence():
    bare = bad_deploy(changes=(), logs=(), alerts=alerts("front"))
    alerted = replace(bare, alerts=bad_deploy().alerts)
    logged = replace(alerted, logs=bad_deploy().logs)
    changed = replace(logged, changes=bad_deploy().changes)
    steps = [confidence(diagnose(one)) for one in (bare, alerted, logged, changed)]
    assert steps == sorted(steps)
    assert steps[0] < steps[-1]


def test_twenty_five_services_take_a_moment():
    names = [f"s{n:02d}" for n in range(25)]
    calls = {name: tuple(names[at + 1 : at + 4]) for at, name in enumerate(names)}
    draw = random.Random(3)
    times = tuple(NOW - 2400 + 5 * n for n in range(480))
    rows = []
    for name in names:
        for signal in Signal:
            calm = series(name, signal, 0.3)
            values = tuple(abs(draw.gauss(0.3, 0.02)) for _ in times)
            rows.append(replace(calm, times=times, values=values))
    told = telemetry(series=tuple(rows), topology=Topology(calls=calls), alerts=alerts(*names, each=40))
    assert _seconds(told) < 3  # Far above what it needs: the benches time it.


def test_a_thousand_unwell_services_take_seconds_at_most():
    draw = random.Random(9)
    names = [f"s{n:04d}" for n in range(1000)]
    calls = {name: tuple(draw.sample(names[at + 1 :], min(3, 999 - at))) for at, name in enumerate(names)}
    calls[names[-1]] = (names[0],)
    times = tuple(NOW - 2400 + 60 * n for n in range(41))
    rows = []
    for name in names:
        for signal in (E, L):
            values = tuple(
                0.01 + draw.random() * 0.001 + (draw.random() if at > ONSET else 0) for at in times
            )
            rows.append(replace(series(name, signal, 0.1), times=times, values=values))
    told = telemetry(series=tuple(rows), topology=Topology(calls=calls), alerts=alerts(*names, each=2))
    assert _seconds(told) < 10


def test_a_ring_of_calls_does_not_excuse_everybody():
    ring = Topology(calls={"front": ("api",), "api": ("cart",), "cart": ("api", "store")})
    found = diagnose(bad_deploy(topology=ring))
    assert found.hypotheses[0].service == "cart"


def _seconds(told: Telemetry) -> float:
    started = time.process_time()
    diagnose(told)
    return time.process_time() - started


def test_services_of_the_synthetic_shop_are_the_graph():
    assert set(SERVICES) == SHOP.nodes()
