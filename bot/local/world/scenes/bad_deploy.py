"""A release of one service that most others need goes wrong minutes after it was rolled out."""

from random import Random

from bot.local.world.physics import Curve, Shift, System
from bot.local.world.scene import AlertPlan, ImageReaction, LogTale, Scene, Truth
from bot.local.world.scenes.common import ecs_services, query_rates, spread, workloads
from bot.local.world.topology import Topology, draw_topology

RULES = (
    "HighErrorRate",
    "LatencyP95High",
    "RouteErrorRate",
    "SLOBurn",
    "ProbeFailed",
    "PodNotReady",
    "QueueBacklog",
)
_STORM = 1000
_PANICS = (
    "panic: nil response from rules table, key=%08x handler=resolve",
    "unhandled exception in response encoder: field 'amount' missing, request=%08x",
    "fatal: schema version mismatch while decoding record %08x, expected 7 got 6",
)


def draw(seed: int, now: float) -> Scene:
    """Draw culprit, decoy, topology and timings."""
    random = Random(f"bad-deploy/{seed}")
    topology = draw_topology(random)
    culprit = topology.leaves[0]
    changed_at = now - random.uniform(180, 480)
    storm_at = now - random.uniform(52, 64)
    affected = set(topology.distances(culprit))
    fresh = {culprit: changed_at, **_decoy(random, topology, culprit, affected, now)}
    made = workloads(random, topology, now, fresh)
    bad = next(w for w in made if w.name == culprit)
    node = topology.node(culprit)
    shifts = (
        *spread(random, topology, {culprit: random.uniform(0.42, 0.6)}, "fault"),
        Shift(culprit, "service:cpu_utilisation", min(0.8, node.cpu * random.uniform(1.2, 1.6)), "fault"),
        Shift(culprit, "service:memory_utilisation", min(0.85, node.memory * 1.15), "fault"),
    )
    # A cautious rollout: the new version first gets little traffic, then all of it.
    early = random.uniform(0.03, 0.06)
    curve = Curve([(changed_at + 8, 0.0), (changed_at + 20, early), (storm_at, early), (storm_at + 12, 1.0)])
    return Scene(
        name="bad-deploy",
        seed=seed,
        now=now,
        ends="fixed",
        system=System(seed, topology, shifts, query_rates=query_rates(random, topology)),
        curves={"fault": curve},
        truth=Truth(
            root_cause=culprit,
            kind="deploy",
            changed_at=changed_at,
            fix={"action": "rollout-undo", "service": culprit, "to_revision": len(bad.revisions) - 1},
        ),
        alerts=AlertPlan(RULES, _STORM, unrelated=random.choice((0, 0, 0, 1, 2))),
        workloads=made,
        ecs=ecs_services(random, topology, now),
        reactions=(ImageReaction("fault", culprit, bad.revisions[-1].image),),
        tales=_tales(random, topology, culprit, affected),
        flapping={culprit: random.randint(2, 3)},
    )


def _decoy(
    random: Random, topology: Topology, culprit: str, affected: set[str], now: float
) -> dict[str, float]:
    """On most seeds another, harmless release of the last minutes, as often of a sufferer as of a bystander."""
    if random.random() > 0.8:
        return {}
    others = [n.name for n in topology.services() if n.runtime == "deployment" and n.name != culprit]
    near, far = [n for n in others if n in affected], [n for n in others if n not in affected]
    pool = near if not far or random.random() < 0.5 else far
    return {random.choice(pool): now - random.uniform(120, 900)}


def _tales(random: Random, topology: Topology, culprit: str, affected: set[str]) -> tuple[LogTale, ...]:
    tales = [LogTale(culprit, "error", random.choice(_PANICS), "fault", 3.0)]
    for edge in topology.edges:
        if (
            edge.client in affected
            and edge.server in affected
            and topology.node(edge.client).kind == "service"
        ):
            text = f"request to {edge.server} failed: status=500 attempt=2 request=%08x"
            tales.append(LogTale(edge.client, "error", text, "fault", 1.2))
    return tuple(tales)
