"""The world's own alerting rules, as a monitoring team would have set them: fixed thresholds on the metrics."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bot.local.world.noise import Floats, fraction
from bot.local.world.topology import Node, words

Labels = dict[str, str]


@dataclass(frozen=True)
class Rule:
    """Fires for each label set of `instances` while the node's metric is over (or under) the threshold."""

    name: str
    metric: str
    severity: Literal["critical", "warning", "info"]
    summary: str
    threshold: Callable[[Node], float]
    instances: Callable[[Node, tuple[str, ...]], Iterable[Labels]]
    kinds: tuple[str, ...] = ("service",)
    below: bool = False


def _each(node: Node, instances: tuple[str, ...]) -> Iterable[Labels]:
    return ({_name(node): instance} for instance in instances)


def _name(node: Node) -> str:
    return "pod" if node.runtime == "deployment" else "instance"


def _routes(node: Node, instances: tuple[str, ...]) -> Iterable[Labels]:
    names = [route for route in words("routes") if fraction(node.name, route) < 0.9]
    return ({**labels, "route": f"/{route}"} for labels in _each(node, instances) for route in names)


def _probes(node: Node, instances: tuple[str, ...]) -> Iterable[Labels]:
    return ({**labels, "probe": zone} for labels in _each(node, instances) for zone in words("zones"))


def _windows(_: Node, __: tuple[str, ...]) -> Iterable[Labels]:
    return ({"window": window} for window in ("5m", "30m"))


def _once(node: Node, _: tuple[str, ...]) -> Iterable[Labels]:
    return ({"instance": node.name},)


def _queue(node: Node, _: tuple[str, ...]) -> Iterable[Labels]:
    return ({"queue": f"{node.name}-{part}", "instance": node.name} for part in range(4))


RULES = (
    Rule(
        "HighErrorRate",
        "service:error_ratio",
        "critical",
        "more than 5 % of requests fail",
        lambda _: 0.05,
        _each,
    ),
    Rule(
        "RouteErrorRate",
        "service:error_ratio",
        "warning",
        "more than 5 % of a route's requests fail",
        lambda _: 0.05,
        _routes,
    ),
    Rule(
        "SLOBurn",
        "service:error_ratio",
        "critical",
        "error budget burns 14 times too fast",
        lambda _: 0.06,
        _windows,
    ),
    Rule("ProbeFailed", "service:error_ratio", "warning", "outside probe fails", lambda _: 0.1, _probes),
    Rule(
        "PodNotReady",
        "service:error_ratio",
        "warning",
        "readiness probe fails on and off",
        lambda _: 0.2,
        _each,
    ),
    Rule(
        "LatencyP95High",
        "service:latency_p95_seconds",
        "warning",
        "95th percentile over its objective",
        lambda node: 1.8 * node.latency,
        _each,
    ),
    Rule("HighCPU", "service:cpu_utilisation", "warning", "CPU over 85 %", lambda _: 0.85, _each),
    Rule(
        "HeapNearLimit",
        "service:memory_utilisation",
        "critical",
        "heap over 90 % after a collection",
        lambda _: 0.9,
        _each,
    ),
    Rule(
        "HighCPU",
        "service:cpu_utilisation",
        "warning",
        "CPU over 85 %",
        lambda _: 0.85,
        _once,
        kinds=("database",),
    ),
    Rule(
        "ConnectionsSaturated",
        "service:connections_utilisation",
        "critical",
        "over 90 % of connections in use",
        lambda _: 0.9,
        _once,
        kinds=("database",),
    ),
    Rule(
        "LatencyP95High",
        "service:latency_p95_seconds",
        "warning",
        "95th percentile over its objective",
        lambda node: 1.8 * node.latency,
        _once,
        kinds=("database",),
    ),
    Rule(
        "QueueBacklog",
        "service:queue_depth",
        "warning",
        "more than 500 messages wait",
        lambda _: 500.0,
        _queue,
        kinds=("queue",),
    ),
    Rule(
        "TrafficAnomaly",
        "service:request_rate",
        "info",
        "traffic far over the usual for this hour",
        lambda node: 2.0 * node.rate,
        _each,
    ),
)


@dataclass(frozen=True)
class RecordedRule:
    """A rule on recorded metrics; `limit` makes the fixed threshold out of the node's values on calm days."""

    name: str
    metric: str
    severity: Literal["critical", "warning"]
    summary: str
    limit: Callable[[Floats], float]


RECORDED_RULES = (
    RecordedRule(
        "LatencyP95High",
        "service:latency_p95_seconds",
        "warning",
        "95th percentile over its objective",
        lambda calm: max(1.4 * float(np.median(calm)), 1.1 * float(np.quantile(calm, 0.97))),
    ),
    RecordedRule(
        "LowAvailability",
        "service:error_ratio",
        "critical",
        "availability under its objective",
        lambda calm: max(0.02, 1.1 * float(np.quantile(calm, 0.97))),
    ),
)
NOISE_RULES = (
    ("CertificateExpiresSoon", "certificate expires in 12 days"),
    ("DiskFillingUp", "disk will be full in 4 days"),
    ("BackupDelayed", "last backup is 30 hours old"),
)
NOISE_NAMES = frozenset(name for name, _ in NOISE_RULES)
