"""How the system behaves over time: pure functions from scene, driver curves and times to metric values.

A driver is a curve of time between 0 (calm) and about 1 (full). Each shift says which metric of which node a driver
moves, how far, and how late. Nothing here knows of servers, cluster or AWS.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from bot.local.world.noise import Floats, key_number, noise
from bot.local.world.topology import Node, Topology

# Relative noise, and the relative size of a slow wave with a period of about twenty minutes.
_NOISE: dict[str, tuple[float, float]] = {
    "service:error_ratio": (0.15, 0.0),
    "service:request_rate": (0.035, 0.04),
    "service:latency_p95_seconds": (0.05, 0.02),
    "service:cpu_utilisation": (0.03, 0.03),
    "service:memory_utilisation": (0.01, 0.01),
    "service:connections_utilisation": (0.025, 0.02),
    "service:query_rate": (0.04, 0.04),
    "service:queue_depth": (0.12, 0.05),
    "service:runtime_alerts": (0.1, 0.0),
}
METRICS = tuple(_NOISE)
EDGE_METRIC = "traces_service_graph_request_total"
_BOUNDED = {"service:error_ratio", "service:cpu_utilisation", "service:memory_utilisation"} | {
    "service:connections_utilisation"
}
_COUNTERS_SINCE = 7200.0


@dataclass
class Curve:
    """A driver as knots (unix time, level), linear between them, constant after the last; grows as things happen."""

    knots: list[tuple[float, float]]

    def at(self, times: Floats) -> Floats:
        """Levels at the times."""
        xs, ys = zip(*self.knots, strict=True)
        levels: Floats = np.interp(times, xs, ys)
        return levels

    def level(self, at: float) -> float:
        """The level at one time."""
        return float(self.at(np.array([at]))[0])

    @property
    def goal(self) -> float:
        """The level it is at or on its way to."""
        return self.knots[-1][1]

    def head_for(self, level: float, at: float, seconds: float) -> None:
        """From `at` on, move to the level within the seconds."""
        here = self.level(at)
        self.knots = [knot for knot in self.knots if knot[0] < at]
        self.knots += [(at, here), (at + seconds, level)]


@dataclass(frozen=True)
class Shift:
    """Where a driver moves one metric of one node: to `peak` at level 1, `lag` seconds late."""

    node: str
    metric: str
    peak: float
    driver: str
    lag: float = 0.0


@dataclass(frozen=True)
class EdgeShift:
    """Where a driver moves the call rate of one edge: to `factor` times the normal at level 1."""

    client: str
    server: str
    factor: float
    driver: str


@dataclass(frozen=True)
class System:
    """Everything that the values depend on besides the curves."""

    seed: int
    topology: Topology
    shifts: tuple[Shift, ...] = ()
    edge_shifts: tuple[EdgeShift, ...] = ()
    query_rates: Mapping[str, float] = field(default_factory=dict)


def normal(system: System, node: Node, metric: str) -> float | None:
    """The undisturbed mean of a metric of a node, or None where the node has no such metric."""
    if metric == "service:query_rate":
        return system.query_rates.get(node.name)
    plain: dict[str, float | None] = {
        "service:error_ratio": node.error,
        "service:request_rate": node.rate,
        "service:latency_p95_seconds": None if node.kind == "queue" else node.latency,
        "service:cpu_utilisation": None if node.kind == "queue" else node.cpu,
        "service:memory_utilisation": None if node.kind == "queue" else node.memory,
        "service:connections_utilisation": node.connections or None,
        "service:queue_depth": node.queue_depth or None,
        "service:runtime_alerts": 0.0 if node.runtime == "deployment" else None,
    }
    return plain.get(metric)


def expected(
    system: System, curves: Mapping[str, Curve], node: Node, metric: str, times: Floats
) -> Floats | None:
    """The noiseless values, or None where the node has no such metric."""
    base = normal(system, node, metric)
    if base is None:
        return None
    values = np.full(times.shape, base)
    for shift in system.shifts:
        if shift.node == node.name and shift.metric == metric:
            values = values + (shift.peak - base) * curves[shift.driver].at(times - shift.lag)
    return values


def values_of(
    system: System, curves: Mapping[str, Curve], node: Node, metric: str, times: Floats
) -> Floats | None:
    """The values as a monitoring system would have scraped them, noise included."""
    means = expected(system, curves, node, metric, times)
    if means is None:
        return None
    spread, wave = _NOISE[metric]
    key = key_number(system.seed, node.name, metric)
    phase = (key % 1000) / 1000 * 2 * np.pi
    values = means * (1 + spread * noise(key, times) + wave * np.sin(times / 1200 * 2 * np.pi + phase))
    clipped: Floats = np.clip(values, 0.0, 0.995 if metric in _BOUNDED else None)
    return clipped


def edge_counter(
    system: System, curves: Mapping[str, Curve], edge: tuple[str, str], times: Floats, started_at: float
) -> Floats:
    """The edge's request counter: the integral of its rate since two hours before the scene's start."""
    found = next(e for e in system.topology.edges if (e.client, e.server) == edge)
    rate = max(0.05, system.topology.node(found.client).rate * found.calls)
    start = key_number(system.seed, *edge) % 100_000
    zero_at = started_at - _COUNTERS_SINCE
    moved = [shift for shift in system.edge_shifts if (shift.client, shift.server) == edge]
    if not moved:
        steady: Floats = np.floor(start + rate * (times - zero_at))
        return steady
    grid = np.arange(zero_at, float(times.max(initial=started_at)) + 5.0, 1.0)
    rates = np.full(grid.shape, rate)
    for shift in moved:
        rates = rates + rate * (shift.factor - 1) * curves[shift.driver].at(grid)
    counts: Floats = np.floor(np.interp(times, grid, start + np.cumsum(rates)))
    return counts
