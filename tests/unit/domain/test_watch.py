"""When metrics have left their past, and when unusual things are enough for a warning."""

import json
import math
import random
from collections.abc import Callable

import pytest

from bot.adapters.monitoring.generic import Generic
from bot.domain.alert import AlertStatus
from bot.domain.telemetry import MetricSeries, Signal
from bot.domain.topology import Topology
from bot.domain.watch.finding import Finding, Kind
from bot.domain.watch.metrics import metric_findings
from bot.domain.watch.verdict import Warned, warnings
from bot.domain.watch.warning import SOURCE, ended, firing

NOW = 1_800_000_000.0
GRAPH = Topology({"web": ("shop",), "shop": ("db",), "far": ("db2",)}, {}, NOW)


def series(
    signal: Signal, level: Callable[[int], float], service: str = "shop", spread: float = 0.03
) -> MetricSeries:
    draw = random.Random(1)
    times = tuple(NOW - 10.0 * (240 - i) for i in range(240))
    return MetricSeries(service, signal, times, tuple(level(i) * draw.gauss(1.0, spread) for i in range(240)))


def test_steady_waving_and_flat_series_are_nothing() -> None:
    steady = series(Signal.LATENCY, lambda _: 0.2)
    wave = series(Signal.CPU, lambda i: 0.4 + 0.1 * math.sin(i / 20))
    flat = series(Signal.ERROR_RATIO, lambda _: 0.0)
    spike = series(Signal.LATENCY, lambda i: 2.0 if i == 239 else 0.2)
    better = series(Signal.LATENCY, lambda i: 0.05 if i > 230 else 0.2)
    assert metric_findings([steady, wave, flat, spike, better]) == []


def test_a_level_that_was_left_is_found_with_its_onset() -> None:
    found = metric_findings([series(Signal.LATENCY, lambda i: 0.8 if i >= 220 else 0.2)])
    assert [(one.service, one.felt) for one in found] == [("shop", True)]
    assert abs(found[0].since_at - (NOW - 200)) <= 10


def test_more_demand_explains_more_queries() -> None:
    queries = series(Signal.QUERY_RATE, lambda i: 300.0 if i >= 220 else 100.0)
    demand = series(Signal.REQUEST_RATE, lambda i: 90.0 if i >= 220 else 30.0)
    assert metric_findings([queries, demand]) == []
    assert [one.kind for one in metric_findings([queries])] == [Kind.METRIC]


def finding(kind: Kind, service: str, since: float = NOW - 60, *, felt: bool = False) -> Finding:
    return Finding(kind, service, 0.8, since, f"{kind.value} of {service}", "a <*> template", felt=felt)


@pytest.mark.parametrize(
    ("findings", "warned"),
    [
        ([], []),
        ([finding(Kind.ORDER, "shop")], []),
        ([finding(Kind.ORDER, "shop"), finding(Kind.METRIC, "shop")], ["shop"]),
        ([finding(Kind.METRIC, "db")], []),
        ([finding(Kind.TEMPLATE, "db"), finding(Kind.QUERY, "db")], []),
        ([finding(Kind.QUERY, "db"), finding(Kind.METRIC, "shop")], ["db"]),
        ([finding(Kind.QUERY, "db"), finding(Kind.METRIC, "far")], []),
        ([finding(Kind.METRIC, one, felt=True) for one in ("web", "shop", "db")], ["shop"]),
        ([finding(Kind.METRIC, one, felt=True) for one in ("web", "shop", "far")], []),
        ([Finding(Kind.BEHAVIOUR, "far", 0.94, NOW, "foreign code")], ["far"]),
    ],
)
def test_two_witnesses_near_each_other(findings: list[Finding], warned: list[str]) -> None:
    assert [one.service for one in warnings(findings, GRAPH, {})] == warned


def test_what_began_before_an_incident_ended_is_no_news() -> None:
    findings = [finding(Kind.QUERY, "db"), finding(Kind.METRIC, "db")]
    assert warnings(findings, GRAPH, {"db": NOW}) == ()
    assert len(warnings(findings, GRAPH, {"db": NOW - 90})) == 1


def test_a_warning_is_an_alert_and_so_is_its_end() -> None:
    warned = Warned("db", 0.9, NOW - 60, (finding(Kind.QUERY, "db"), finding(Kind.METRIC, "db")))
    [alert] = Generic().parse(firing([warned]), source=SOURCE, received_at=NOW).alerts
    assert (alert.service, alert.status, alert.starts_at) == ("db", AlertStatus.FIRING, NOW - 60)
    assert "query_shape of db" in alert.summary
    assert alert.labels["seen_1"] == "a <*> template"
    [over] = Generic().parse(ended([alert], "calm"), source=SOURCE, received_at=NOW + 9).alerts
    assert (over.fingerprint, over.status) == (alert.fingerprint, AlertStatus.RESOLVED)
    assert json.loads(firing([]))["alerts"] == []
