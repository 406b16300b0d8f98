"""What the scenarios share: histories of releases and scalings, and how trouble spreads to callers."""

from collections.abc import Iterable
from random import Random

from bot.local.cluster.builder import Revision, Workload
from bot.local.world.physics import Shift
from bot.local.world.scene import EcsService, ScaleRecord
from bot.local.world.topology import Node, Topology

NAMESPACE = "production"
HOP_SECONDS = 0.5
DAY = 86_400.0
_NOTES = (
    "routine release",
    "dependency update",
    "new field in response",
    "tuning of timeouts",
    "copy changes",
)


def releases(random: Random, node: Node, now: float, fresh: Iterable[float] = ()) -> Workload:
    """A Deployment with three to five releases over the last weeks, and then one for each time in `fresh`."""
    major, minor = random.randint(1, 6), random.randint(2, 40)
    at = now - random.uniform(25, 40) * DAY
    times = [at]
    for _ in range(random.randint(2, 4)):
        at += random.uniform(2, 5) * DAY
        times.append(at)
    times += list(fresh)
    revisions = tuple(
        Revision(
            f"{node.name}:{major}.{minor + index}.0",
            when,
            f"release {major}.{minor + index}.0: {random.choice(_NOTES)}",
        )
        for index, when in enumerate(times)
    )
    return Workload(node.name, NAMESPACE, node.replicas, revisions)


def ecs_service(random: Random, node: Node, now: float, fresh: Iterable[ScaleRecord] = ()) -> EcsService:
    """An ECS service that was created with another count some weeks ago and then set to its usual one."""
    created = ScaleRecord(now - random.uniform(20, 60) * DAY, max(1, node.replicas - 2), "release-automation")
    usual = ScaleRecord(now - random.uniform(3, 12) * DAY, node.replicas, "release-automation")
    image = f"{node.name}:{random.randint(1, 6)}.{random.randint(0, 30)}.0"
    return EcsService(node.name, image, (created, usual, *fresh))


def workloads(
    random: Random, topology: Topology, now: float, fresh: dict[str, float]
) -> tuple[Workload, ...]:
    """All Deployments of a topology, with a fresh release where `fresh` names a time."""
    nodes = [node for node in topology.services() if node.runtime == "deployment"]
    return tuple(
        releases(random, node, now, [fresh[node.name]] if node.name in fresh else []) for node in nodes
    )


def ecs_services(
    random: Random, topology: Topology, now: float, fresh: dict[str, ScaleRecord] | None = None
) -> tuple[EcsService, ...]:
    """All ECS services of a topology, with a fresh scaling where `fresh` names one."""
    known = fresh or {}
    nodes = [node for node in topology.services() if node.runtime == "ecs"]
    return tuple(ecs_service(random, n, now, [known[n.name]] if n.name in known else []) for n in nodes)


def spread(random: Random, topology: Topology, origins: dict[str, float], driver: str) -> tuple[Shift, ...]:
    """Shifts of everything that suffers from the origins, given their error ratios at level 1.

    Errors reach a caller diluted by the edge's weight, latency adds up, a queue grows instead.
    """
    distances: dict[str, int] = {}
    for origin in origins:
        for name, hops in topology.distances(origin).items():
            distances[name] = min(hops, distances.get(name, hops))
    errors: dict[str, float] = dict(origins)
    latencies = {origin: topology.node(origin).latency * random.uniform(3.0, 5.0) for origin in origins}
    shifts: list[Shift] = []
    for name, hops in sorted(distances.items(), key=lambda item: item[1]):
        node = topology.node(name)
        lag = hops * HOP_SECONDS
        if node.kind == "queue":
            shifts.append(Shift(name, "service:queue_depth", random.uniform(1200, 3000), driver, lag))
            continue
        if name not in origins:
            below = [e for e in topology.edges if e.client == name and e.server in errors]
            errors[name] = max(errors[e.server] * e.weight for e in below)
            latencies[name] = max(latencies[e.server] * e.weight for e in below)
        shifts.append(Shift(name, "service:error_ratio", errors[name], driver, lag))
        peak = max(node.latency + latencies[name], node.latency * random.uniform(2.1, 2.6))
        shifts.append(Shift(name, "service:latency_p95_seconds", peak, driver, lag))
    return tuple(shifts)


def query_rates(random: Random, topology: Topology) -> dict[str, float]:
    """Queries per second of each service that talks to a database, and of each database in total."""
    rates: dict[str, float] = {}
    databases = {node.name for node in topology.nodes if node.kind == "database"}
    for edge in topology.edges:
        if edge.server in databases:
            own = topology.node(edge.client).rate * random.uniform(1.2, 2.8)
            rates[edge.client] = rates.get(edge.client, 0.0) + own
            rates[edge.server] = rates.get(edge.server, 0.0) + own
    return rates
