"""diagnose() where nobody says which service: silent witnesses, a common pace, more demand, incidents without a name."""

from dataclasses import replace

import pytest

from bot.domain.diagnosis import calibration, tuning
from bot.domain.diagnosis.engine import diagnose
from bot.domain.evidence import Conclusion, Diagnosis
from bot.domain.telemetry import Signal, Telemetry
from bot.domain.topology import Topology
from tests.unit.domain.incidents import NOW, SHOP, alerts, system, telemetry

E, L, R, C = Signal.ERROR_RATIO, Signal.LATENCY, Signal.REQUEST_RATE, Signal.CPU
MANY = tuple(f"worker-{number}" for number in range(10))
WIDE = Topology({**SHOP.calls, "front": (*SHOP.calls["front"], *MANY)}, SHOP.kinds, NOW)
SERVICES = ("front", "api", "search", "cart", "stock", "store", *MANY)


def top(found: Diagnosis) -> str:
    return found.hypotheses[0].service if found.hypotheses else ""


def without(telemetry: Telemetry, service: str, *signals: Signal) -> Telemetry:
    kept = tuple(one for one in telemetry.series if one.service != service or one.signal not in signals)
    return replace(telemetry, series=kept)


def test_what_an_alerting_service_calls_is_heard_although_its_own_metrics_are_calm():
    faults = {("api", E): (0.002, 0.05), ("store", L): (0.1, 0.18)}
    found = diagnose(telemetry(series=system(faults), alerts=alerts("front")))
    assert top(found) == "api"


def test_the_words_of_an_alert_tell_what_hurts_where_its_metrics_do_not():
    faults = {("search", L): (0.1, 0.16), ("api", E): (0.002, 0.035)}
    told = telemetry(series=system(faults), alerts=alerts("front", each=1))
    named = {
        word: tuple(alert._replace(name=word) for alert in told.alerts)
        for word in ("HighErrorRate", "SlowResponses")
    }
    errors = diagnose(replace(told, alerts=named["HighErrorRate"]))
    slow = diagnose(replace(told, alerts=named["SlowResponses"]))
    assert top(errors) == "api"
    assert confidence(slow, "search") > confidence(errors, "search")


def confidence(found: Diagnosis, service: str) -> float:
    return next((one.confidence for one in found.hypotheses if one.service == service), 0.0)


@pytest.mark.parametrize(
    ("near", "far"), [("front_client", "api_remote"), ("Front_Client", "10.0.0.7_remote")]
)
def test_both_sides_of_a_call_seen_from_one_end_take_no_blame(near: str, far: str):
    calls = {**SHOP.calls, near: ("front",), "front": ("api", "search", far)}
    faults = {
        (near, L): (0.1, 0.9),
        (far, L): (0.1, 0.9),
        ("front", L): (0.1, 0.5),
        ("api", L): (0.1, 0.5),
        ("cart", L): (0.1, 0.5),
    }
    services = (*SERVICES[:6], near, far)
    told = telemetry(
        series=system(faults, services=services),
        alerts=alerts("front"),
        topology=Topology(calls, SHOP.kinds, NOW),
    )
    assert top(diagnose(told)) == "cart"
    alone = replace(told, alerts=(), series=system({(near, L): (0.1, 0.9)}, services=services))
    assert diagnose(alone).conclusion is Conclusion.NO_INCIDENT


def test_a_slower_hour_for_everybody_is_nobodys_fault():
    slower = {(service, L): (0.1, 0.135) for service in SERVICES}
    calm = telemetry(series=system(slower, services=SERVICES), topology=WIDE)
    assert diagnose(calm).conclusion is Conclusion.NO_INCIDENT
    ill = {**slower, ("cart", L): (0.1, 0.6), ("api", L): (0.1, 0.5), ("front", L): (0.1, 0.4)}
    assert top(diagnose(telemetry(series=system(ill, services=SERVICES), topology=WIDE))) == "cart"


def test_an_outage_that_everybody_shares_stays_an_outage():
    down = {(service, L): (0.1, 0.5) for service in SERVICES}
    found = diagnose(telemetry(series=system(down, services=SERVICES), topology=WIDE))
    assert found.conclusion is not Conclusion.NO_INCIDENT


def test_more_requests_that_hurt_nobody_are_no_incident():
    more = {(service, R): (100.0, 300.0) for service in ("front", "api", "cart")}
    assert diagnose(telemetry(series=system(more))).conclusion is Conclusion.NO_INCIDENT


def test_a_fault_in_a_busier_hour_is_named_after_its_service():
    more = {(service, R): (100.0, 300.0) for service in ("front", "api", "cart", "search", "stock")}
    slow = {("cart", L): (0.1, 0.9), ("api", L): (0.1, 0.8), ("front", L): (0.1, 0.7)}
    assert top(diagnose(telemetry(series=system({**more, **slow}), alerts=alerts("front")))) == "cart"


def test_a_declared_incident_that_names_no_service_looks_at_everybody():
    declared = tuple(alert._replace(service="") for alert in alerts("front", each=1))
    cores = {("search", Signal.CPU_CORES): (0.1, 1.9), ("cart", Signal.MEMORY_BYTES): (2e8, 2.1e8)}
    found = diagnose(telemetry(series=system(cores), alerts=declared, topology=Topology()))
    assert top(found) == "search"
    assert any("1.9" in item.text and "cores" in item.text for item in found.evidence)


def test_few_requests_make_no_entry():
    lone = Topology({**SHOP.calls, "nightly": ("search",)}, SHOP.kinds, NOW)
    faults = {("nightly", L): (0.1, 0.9), ("nightly", R): (0.5, 0.5)}
    services = (*SERVICES[:6], "nightly")
    told = telemetry(series=system(faults, services=services), topology=lone)
    assert diagnose(told).conclusion is Conclusion.NO_INCIDENT
    assert top(diagnose(without(told, "nightly", R))) == "nightly"


def test_confidence_rises_with_evidence_and_with_the_margin_and_names_its_calibration():
    grid = [0.0, 0.2, 0.5, 1.0, 2.0, 4.0]
    by_weight = [calibration.probability(weight, 0.5) for weight in grid]
    by_margin = [calibration.probability(1.0, margin) for margin in (0.0, 0.3, 0.6, 1.0)]
    assert by_weight == sorted(set(by_weight))
    assert by_margin == sorted(set(by_margin))
    assert calibration.probability(0.0, 1.0) < 0.5
    assert calibration.probability(50.0, 1.0) <= tuning.CEILING
    assert diagnose(telemetry(series=system({}))).calibration == calibration.VERSION
