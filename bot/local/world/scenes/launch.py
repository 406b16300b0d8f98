"""A launch: traffic rises several times over, nothing is broken. Announced as a planned event, or not."""

import math
from random import Random

from bot.local.world.physics import Curve, EdgeShift, Shift, System
from bot.local.world.scene import AlertPlan, CountReaction, LogTale, Scene, Truth
from bot.local.world.scenes.common import ecs_services, query_rates, workloads
from bot.local.world.topology import Topology, draw_topology, words

RULES = ("HighCPU", "TrafficAnomaly", "LatencyP95High")
_MOST_ALERTS = 118


def draw_announced(seed: int, now: float) -> Scene:
    """Draw the launch that is entered as a planned event: it is to be left alone."""
    return _draw(seed, now, announced=True)


def draw_unannounced(seed: int, now: float) -> Scene:
    """Draw the launch that nobody announced: the fitting answer is more tasks for the front service."""
    return _draw(seed, now, announced=False)


def _draw(seed: int, now: float, *, announced: bool) -> Scene:
    random = Random(f"launch/{announced}/{seed}")
    topology = draw_topology(random)
    front = topology.entries[0]
    began_at = now - random.uniform(240, 420)
    rise = Curve([(began_at, 0.0), (began_at + 100, 0.75), (now - 75, 0.85), (now - 60, 1.0)])
    count = topology.node(front).replicas
    enough = math.ceil(count * 2.2)
    rates = query_rates(random, topology)
    factor = random.uniform(3.2, 5.8)
    shifts = _shifts(random, topology, factor, rates)
    fix = {"action": "ecs-scale", "service": front, "count": enough}
    return Scene(
        name="planned-event" if announced else "unannounced-launch",
        seed=seed,
        now=now,
        ends="left-alone" if announced else "fixed",
        system=System(
            seed,
            topology,
            shifts,
            tuple(EdgeShift(e.client, e.server, 1 + (factor - 1) * 0.6, "demand") for e in topology.edges),
            rates,
        ),
        curves={"demand": rise, "strain": Curve(list(rise.knots))},
        truth=Truth(
            root_cause=front,
            kind="planned-event" if announced else "load",
            changed_at=began_at,
            fix=None if announced else fix,
        ),
        alerts=AlertPlan(RULES, _MOST_ALERTS),
        workloads=workloads(random, topology, now, {}),
        ecs=ecs_services(random, topology, now),
        reactions=(CountReaction("strain", front, calm=enough, full=count, most=1.05),),
        tales=(LogTale(front, "info", "campaign landing page served, visitor=%08x", "demand", 3.0),),
        planned_event=_event(random, topology, shifts, began_at, now) if announced else None,
    )


def _depths(topology: Topology) -> dict[str, int]:
    depths = dict.fromkeys(topology.entries, 0)
    frontier = list(topology.entries)
    while frontier:
        below = [
            e.server
            for name in frontier
            for e in topology.edges
            if e.client == name and e.server not in depths
        ]
        depths.update(dict.fromkeys(below, depths[frontier[0]] + 1))
        frontier = list(dict.fromkeys(below))
    return depths


def _shifts(random: Random, topology: Topology, factor: float, rates: dict[str, float]) -> tuple[Shift, ...]:
    """Traffic falls off with depth (caches and stale answers); only the front service comes near its limit."""
    shifts: list[Shift] = []
    for name, depth in _depths(topology).items():
        node, front = topology.node(name), name == topology.entries[0]
        grown = 1 + (factor - 1) * (1.0, 0.6, 0.3, 0.2, 0.15)[min(depth, 4)]
        shifts.append(Shift(name, "service:request_rate", node.rate * grown, "demand"))
        if name in rates:
            shifts.append(Shift(name, "service:query_rate", rates[name] * grown, "demand"))
        if node.kind == "queue":
            continue
        cpu = random.uniform(0.89, 0.95) if front else min(0.72, node.cpu * (1 + (grown - 1) * 0.45))
        shifts.append(Shift(name, "service:cpu_utilisation", cpu, "strain" if front else "demand"))
        slower = random.uniform(2.0, 2.5) if front else (1.5, 1.3, 1.12, 1.05, 1.03)[min(depth, 4)]
        driver = "strain" if front else "demand"
        shifts.append(Shift(name, "service:latency_p95_seconds", node.latency * slower, driver))
    return tuple(shifts)


def _event(
    random: Random, topology: Topology, shifts: tuple[Shift, ...], began_at: float, now: float
) -> dict[str, object]:
    """The entry for the planned event: the services whose traffic is expected to multiply."""
    grown = [
        s.node
        for s in shifts
        if s.metric == "service:request_rate" and s.peak > 2 * topology.node(s.node).rate
    ]
    named = [name for name in grown if topology.node(name).kind == "service"]
    return {
        "title": random.choice(words("launches")),
        "start": began_at - 300,
        "end": now + 3 * 3600,
        "services": named,
    }
