"""The heap of an ECS service fills slowly; near its end the service stalls, fails and restarts, and callers suffer."""

from random import Random

from bot.local.world.heaps import HeapPlan
from bot.local.world.physics import Curve, Shift, System
from bot.local.world.scene import AlertPlan, HeapReaction, LogTale, Scene, Truth
from bot.local.world.scenes.common import ecs_services, query_rates, spread, workloads
from bot.local.world.topology import Topology, draw_topology

RULES = ("HeapNearLimit", "HighErrorRate", "LatencyP95High", "RouteErrorRate", "SLOBurn")
_STORM = 180
_CALM_SHARE = 0.73  # Used heap below this share of its maximum hurts nobody.


def draw(seed: int, now: float) -> Scene:
    """Draw culprit, sizes, topology and timings."""
    random = Random(f"memory-exhaustion/{seed}")
    topology = draw_topology(random)
    culprit = random.choice([n.name for n in topology.services() if n.runtime == "ecs"][1:])
    node = topology.node(culprit)
    began_at, storm_at = now - random.uniform(700, 900), now - random.uniform(52, 64)
    live = random.uniform(0.46, 0.54)
    heap = HeapPlan(culprit, random.choice((1024, 2048, 4096)), live, 0.97 - live, node.replicas)
    leak = [(began_at, 0.0), (storm_at - 240, 0.4), (storm_at, 0.85), (storm_at + 20, 1.0)]
    decoy = {random.choice([n.name for n in topology.services() if n.runtime == "deployment"]): now - 900.0}
    return Scene(
        name="memory-exhaustion",
        seed=seed,
        now=now,
        ends="fixed",
        system=System(
            seed, topology, _shifts(random, topology, culprit), query_rates=query_rates(random, topology)
        ),
        curves={"leak": Curve(leak), "pressure": Curve([(storm_at, 0.0), (storm_at + 12, 1.0)])},
        truth=Truth(
            root_cause=culprit,
            kind="memory",
            changed_at=None,
            fix={"action": "ecs-scale", "service": culprit, "count": node.replicas * 2},
        ),
        alerts=AlertPlan(RULES, _STORM, unrelated=random.choice((0, 0, 0, 1, 2))),
        workloads=workloads(random, topology, now, decoy if random.random() < 0.5 else {}),
        ecs=ecs_services(random, topology, now),
        reactions=(
            HeapReaction("leak", culprit, calm=_CALM_SHARE, full=0.97),
            HeapReaction("pressure", culprit, calm=_CALM_SHARE, full=0.97),
        ),
        tales=_tales(topology, culprit),
        heaps=(heap,),
    )


def _shifts(random: Random, topology: Topology, culprit: str) -> tuple[Shift, ...]:
    node = topology.node(culprit)
    return (
        *spread(random, topology, {culprit: random.uniform(0.16, 0.28)}, "pressure"),
        Shift(culprit, "service:memory_utilisation", random.uniform(0.95, 0.98), "leak"),
        Shift(culprit, "service:cpu_utilisation", min(0.8, node.cpu * random.uniform(1.6, 2.0)), "pressure"),
    )


def _tales(topology: Topology, culprit: str) -> tuple[LogTale, ...]:
    tales = [
        LogTale(
            culprit, "warning", "GC overhead: full pause of 4180 ms, reclaimed 1 %%, cycle=%08x", "leak", 1.2
        ),
        LogTale(
            culprit,
            "error",
            "java.lang.OutOfMemoryError: Java heap space, thread=worker-%08x",
            "pressure",
            2.5,
        ),
    ]
    for edge in topology.callers(culprit):
        if topology.node(edge.client).kind == "service":
            text = f"request to {culprit} failed: connection reset, request=%08x"
            tales.append(LogTale(edge.client, "error", text, "pressure", 1.2))
    return tuple(tales)
