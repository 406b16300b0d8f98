"""Each scenario on fresh seeds, without servers: the truth can be derived, the right fix heals, a wrong one does not."""

import numpy as np
import pytest

from bot.local.world.alerts import StormAlert, draw_alerts
from bot.local.world.catalogue import SCENARIOS, scenario
from bot.local.world.physics import expected, values_of
from bot.local.world.scene import Scene
from tests.world.seeds import fresh_seeds

NOW = 1_800_000_000.0
SEEDS = 20


def _draw(name: str, seed: int) -> Scene:
    entry = scenario(name)
    assert entry is not None
    return entry.draw(seed, NOW)


def _alerts(scene: Scene) -> tuple[StormAlert, ...]:
    instances = {
        node.name: tuple(f"{node.name}-{i}" for i in range(node.replicas))
        for node in scene.system.topology.services()
    }
    return draw_alerts(scene, instances)


def _value(scene: Scene, service: str, metric: str, at: float) -> float:
    found = expected(scene.system, scene.curves, scene.system.topology.node(service), metric, np.array([at]))
    assert found is not None
    return float(found[0])


def _worst_error(scene: Scene, at: float) -> float:
    return max(_value(scene, node.name, "service:error_ratio", at) for node in scene.system.topology.nodes)


def _settle(scene: Scene, level: float, at: float) -> None:
    for curve in scene.curves.values():
        curve.head_for(level, at, 2.0)


@pytest.mark.parametrize("name", ["bad-deploy", "db-cascade", "planned-event", "unannounced-launch"])
def test_drawing_is_repeatable_and_of_the_promised_size(name: str) -> None:
    for seed in fresh_seeds(SEEDS):
        scene = _draw(name, seed)
        assert _alerts(scene) == _alerts(_draw(name, seed)), seed
        nodes, edges = scene.system.topology.nodes, scene.system.topology.edges
        assert 14 <= len(nodes) <= 24, seed
        assert len({node.name for node in nodes}) == len(nodes), seed
        assert {end for edge in edges for end in (edge.client, edge.server)} == {n.name for n in nodes}, seed
        known = {(alert.labels["service"]) for alert in _alerts(scene)}
        assert known <= {node.name for node in nodes}, seed
        assert all(NOW - 900 < alert.starts_at <= NOW for alert in _alerts(scene)), seed


def test_bad_deploy_storm_is_1000_alerts_whose_first_is_often_not_the_cause() -> None:
    first_is_cause = 0
    seeds = fresh_seeds(SEEDS)
    for seed in seeds:
        scene = _draw("bad-deploy", seed)
        alerts = _alerts(scene)
        assert len(alerts) == 1000, seed
        assert len({tuple(sorted(alert.labels.items())) for alert in alerts}) == 1000, seed
        assert len({alert.labels["service"] for alert in alerts}) >= 12, seed
        loud = [alert for alert in alerts if alert.labels["severity"] != "info"]
        assert NOW - loud[-1].starts_at < 6, seed
        assert loud[-1].starts_at - loud[0].starts_at > 40, seed
        first_is_cause += loud[0].labels["service"] == scene.truth.root_cause
    assert first_is_cause <= len(seeds) // 2


def test_bad_deploy_truth_can_be_derived_and_only_its_fix_heals() -> None:
    for seed in fresh_seeds(SEEDS):
        scene = _draw("bad-deploy", seed)
        cause = scene.truth.root_cause
        assert scene.truth.changed_at is not None
        assert 180 <= NOW - scene.truth.changed_at <= 480, seed
        [workload] = [w for w in scene.workloads if w.name == cause]
        assert workload.revisions[-1].at == scene.truth.changed_at, seed
        assert scene.truth.fix is not None
        assert scene.truth.fix["to_revision"] == len(workload.revisions) - 1, seed
        assert _value(scene, cause, "service:error_ratio", NOW) == pytest.approx(_worst_error(scene, NOW)), (
            seed
        )
        assert _value(scene, cause, "service:error_ratio", NOW) > 0.3, seed
        assert _worst_error(scene, scene.truth.changed_at) < 0.01, seed
        early = _value(scene, cause, "service:error_ratio", scene.truth.changed_at + 60)
        assert 0.01 < early < 0.05, seed
        callees = {edge.server for edge in scene.system.topology.edges if edge.client == cause}
        assert all(_value(scene, name, "service:error_ratio", NOW) < 0.01 for name in callees), seed
        assert {reaction.service for reaction in scene.reactions} == {cause}, seed
        _settle(scene, 0.0, NOW + 1)
        assert _worst_error(scene, NOW + 6) < 0.01, seed
        assert _worst_error(scene, NOW + 0.5) > 0.3, seed
        _settle(scene, 1.0, NOW + 10)
        assert _worst_error(scene, NOW + 16) > 0.3, seed


def test_db_cascade_truth_can_be_derived() -> None:
    for seed in fresh_seeds(SEEDS):
        scene = _draw("db-cascade", seed)
        cause = scene.truth.root_cause
        [service] = [service for service in scene.ecs if service.name == cause]
        assert scene.truth.fix is not None
        assert scene.truth.changed_at == service.history[-1].at, seed
        assert scene.truth.fix["count"] == service.history[-2].count < service.history[-1].count / 3, seed
        [database] = [
            node.name
            for node in scene.system.topology.nodes
            if node.kind == "database"
            and _value(scene, node.name, "service:connections_utilisation", NOW) > 0.9
        ]
        rates = scene.system.query_rates
        grown = {name: _value(scene, name, "service:query_rate", NOW) / rates[name] for name in rates}
        assert {name for name, factor in grown.items() if factor > 1.5} == {cause, database}, seed
        assert _value(scene, cause, "service:query_rate", NOW - 100) > 2 * rates[cause], seed
        callers = {edge.client for edge in scene.system.topology.callers(database)}
        assert len(callers) >= 3, seed
        assert all(_value(scene, name, "service:error_ratio", NOW) > 0.05 for name in callers), seed
        alerts = _alerts(scene)
        assert 300 <= len(alerts) <= 400, seed
        assert {"ConnectionsSaturated", "HighErrorRate"} <= {alert.labels["alertname"] for alert in alerts}, (
            seed
        )
        _settle(scene, 0.0, NOW + 1)
        assert _worst_error(scene, NOW + 7) < 0.01, seed


@pytest.mark.parametrize("name", ["planned-event", "unannounced-launch"])
def test_a_launch_is_load_without_errors(name: str) -> None:
    for seed in fresh_seeds(SEEDS):
        scene = _draw(name, seed)
        front = scene.truth.root_cause
        assert front in {service.name for service in scene.ecs}, seed
        alerts = _alerts(scene)
        assert 40 <= len(alerts) <= 120, seed
        assert {alert.labels["alertname"] for alert in alerts} == {
            "HighCPU",
            "TrafficAnomaly",
            "LatencyP95High",
        }, seed
        assert {alert.labels["severity"] for alert in alerts} == {"warning", "info"}, seed
        assert _worst_error(scene, NOW) < 0.01, seed
        assert (
            3
            <= _value(scene, front, "service:request_rate", NOW) / scene.system.topology.node(front).rate
            <= 6
        )
        assert 0.85 < _value(scene, front, "service:cpu_utilisation", NOW) < 0.96, seed
        if scene.planned_event is not None:
            assert name == "planned-event"
            assert scene.planned_event["start"] < NOW < scene.planned_event["end"], seed
            assert {alert.labels["service"] for alert in alerts} <= set(scene.planned_event["services"]), seed
        else:
            _settle(scene, 0.0, NOW + 1)
            assert _value(scene, front, "service:cpu_utilisation", NOW + 5) < 0.6, seed


def test_recorded_incidents_have_symptom_and_cause_apart() -> None:
    titles = set()
    for seed in range(30):
        scene = _draw("recorded", seed)
        recording = scene.recording
        assert recording is not None
        titles.add(recording.title)
        assert recording.target != recording.root_cause
        assert recording.root_cause in recording.nodes
        services = {alert.labels["service"] for alert in draw_alerts(scene, {})}
        assert {recording.target, recording.root_cause} <= services
        assert len(services) >= 3
        clients = {client for client, _, _ in recording.edges}
        assert recording.target in clients
    assert len(titles) == 3


def test_values_are_the_same_for_the_same_question() -> None:
    seed = fresh_seeds(1)[0]
    times = np.arange(NOW - 600, NOW, 5.0)
    for entry in SCENARIOS[:2]:
        one, two = entry.draw(seed, NOW), entry.draw(seed, NOW)
        for node in one.system.topology.nodes:
            first = values_of(one.system, one.curves, node, "service:request_rate", times)
            second = values_of(two.system, two.curves, node, "service:request_rate", times)
            assert first is not None
            assert second is not None
            assert np.array_equal(first, second)
            assert float(np.std(first)) > 0
