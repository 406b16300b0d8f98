"""Draws a scene's alerts: which rule fires for what, and when, with the delays that real rules have. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random

import numpy as np

from bot.local.world.noise import fraction
from bot.local.world.physics import expected
from bot.local.world.recording import Recording
from bot.local.world.rules import NOISE_RULES, RECORDED_RULES, RULES, Labels, Rule
from bot.local.world.scene import Scene
from bot.local.world.sensor import struck
from bot.local.world.topology import Node

_MOST_DELAY = 60.0
_LOOK_BACK = 900.0
_COMMON = {"namespace": "production", "cluster": "production"}
# Alerts that a storm may go without when it is cut to its size: the most numerous and least telling ones.
_SPARE = ("RouteErrorRate", "ProbeFailed", "TrafficAnomaly")


@dataclass(frozen=True)
class StormAlert:
    """One alert as the world will send it; `starts_at` is in unix seconds."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: float
    by_sensor: bool = False


def draw_alerts(scene: Scene, instances: Mapping[str, tuple[str, ...]]) -> tuple[StormAlert, ...]:
    """All alerts of the scene in order of their start; `instances` are the pods or tasks of each node now."""
    random = Random(f"alerts/{scene.name}/{scene.seed}")
    if scene.recording is not None:
        return tuple(sorted(_of_recording(scene, scene.recording, random), key=lambda alert: alert.starts_at))
    noise = list(_noise_alerts(scene, random))
    storm = [
        alert for rule, node in _pairs(scene) for alert in _of_rule(scene, rule, node, instances, random)
    ]
    storm += _of_sensor(scene, instances, random)
    limit = scene.alerts.limit - len(noise) if scene.alerts.limit else len(storm)
    if len(storm) > limit:
        spare = [alert for alert in storm if alert.labels["alertname"] in _SPARE]
        dropped = set(map(id, random.sample(spare, min(len(spare), len(storm) - limit))))
        storm = [alert for alert in storm if id(alert) not in dropped]
    return tuple(sorted([*storm, *noise], key=lambda alert: alert.starts_at))


def _pairs(scene: Scene) -> Iterator[tuple[Rule, Node]]:
    for rule in RULES:
        if rule.name in scene.alerts.rules:
            yield from ((rule, node) for node in scene.system.topology.nodes if node.kind in rule.kinds)


def crossing(scene: Scene, rule: Rule, node: Node) -> float | None:
    """Since when the rule's condition holds for the node, or None where it does not hold now."""
    times = np.arange(scene.now - _LOOK_BACK, scene.now + 0.5, 1.0)
    values = expected(scene.system, scene.curves, node, rule.metric, times)
    if values is None:
        return None
    over = values > rule.threshold(node)
    if not over[-1]:
        return None
    calm = np.flatnonzero(~over)
    return float(times[0 if calm.size == 0 else calm[-1] + 1])


def _of_rule(
    scene: Scene, rule: Rule, node: Node, instances: Mapping[str, tuple[str, ...]], random: Random
) -> Iterator[StormAlert]:
    since = crossing(scene, rule, node)
    if since is None:
        return
    present = instances.get(node.name, (node.name,))
    if rule.name == "PodNotReady":
        present = present[: scene.flapping.get(node.name, 0)]
    delay = random.uniform(0, _MOST_DELAY - 4)
    for extra in rule.instances(node, present):
        jitter = 4 * fraction(scene.seed, rule.name, node.name, *extra.values())
        starts_at = min(since + delay + jitter, scene.now - random.uniform(0.0, 2.0))
        labels = {"alertname": rule.name, "service": node.name, "severity": rule.severity, **_COMMON, **extra}
        if node.name == scene.truth.root_cause:
            labels |= scene.alerts.labels
        yield StormAlert(labels, annotations(rule.summary, labels), starts_at)


def _of_recording(scene: Scene, recording: Recording, random: Random) -> Iterator[StormAlert]:
    for rule in RECORDED_RULES:
        for node, metrics in recording.nodes.items():
            if rule.metric not in metrics:
                continue
            since = recording.over_since(node, rule.metric, rule.limit, scene.now)
            if since is not None:
                labels = {"alertname": rule.name, "service": node, "severity": rule.severity, **_COMMON}
                labels["instance"] = node
                starts_at = min(scene.now, since + random.uniform(0, _MOST_DELAY))
                yield StormAlert(labels, annotations(rule.summary, labels), starts_at)


def _of_sensor(
    scene: Scene, instances: Mapping[str, tuple[str, ...]], random: Random
) -> Iterator[StormAlert]:
    """The runtime sensor's own alerts, sent to the generic intake: one for each odd thing that each pod does."""
    strike = scene.strike
    if strike is None:
        return
    name = strike.executable.rpartition("/")[2]
    for number, pod in enumerate(struck(scene, instances)):
        at = strike.since_at + 6.0 * number
        said = [("UnexpectedProcess", f"{name} started, parent server, not in the image", at)]
        said += [("UnexpectedOutboundConnection", f"{name} called {one}", at + 2) for one in strike.remotes]
        for alertname, summary, starts_at in said:
            labels = {"alertname": alertname, "service": strike.service, "severity": "critical", **_COMMON}
            labels |= {"pod": pod, "detail": summary}
            shown = {"summary": f"{strike.service}: {summary} ({pod})", "description": summary}
            yield StormAlert(labels, shown, starts_at + random.uniform(0.5, 3.0), by_sensor=True)


def annotations(summary: str, labels: Mapping[str, str]) -> Labels:
    """Summary and description as the rules template them."""
    where = labels.get("pod") or labels.get("instance") or labels["service"]
    return {"summary": f"{labels['service']}: {summary}", "description": f"{summary} ({where})"}


def _noise_alerts(scene: Scene, random: Random) -> Iterator[StormAlert]:
    affected = {shift.node for shift in scene.system.shifts}
    calm = [n for n in scene.system.topology.nodes if n.name not in affected and n.kind != "queue"]
    for name, summary in random.sample(NOISE_RULES, scene.alerts.unrelated):
        node = random.choice(calm or list(scene.system.topology.nodes))
        labels = {
            "alertname": name,
            "service": node.name,
            "severity": "info",
            **_COMMON,
            "instance": node.name,
        }
        yield StormAlert(labels, annotations(summary, labels), scene.now - random.uniform(5, 600))
