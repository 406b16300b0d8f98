"""An ECS service was scaled up, floods its database with an abnormal query pattern, and all other callers suffer."""

from random import Random

from bot.local.world.databases import FloodPlan
from bot.local.world.physics import Curve, EdgeShift, Shift, System
from bot.local.world.scene import AlertPlan, FloodReaction, LogTale, ScaleRecord, Scene, Truth
from bot.local.world.scenes.common import ecs_services, query_rates, spread, workloads
from bot.local.world.topology import Topology, draw_topology, words

RULES = ("HighErrorRate", "LatencyP95High", "RouteErrorRate", "SLOBurn", "HighCPU", "ConnectionsSaturated")
_STORM = 400


def draw(seed: int, now: float) -> Scene:
    """Draw culprit, database, counts, topology and timings."""
    random = Random(f"db-cascade/{seed}")
    topology = draw_topology(random)
    culprit = random.choice([n.name for n in topology.services() if n.runtime == "ecs"][1:])
    database = next(
        e.server for e in topology.edges if e.client == culprit and _is_database(topology, e.server)
    )
    changed_at, storm_at = now - random.uniform(180, 480), now - random.uniform(28, 34)
    before = topology.node(culprit).replicas
    after = before * 4  # Going back takes three quarters away, which is as much as the default cap allows.
    fresh = {culprit: ScaleRecord(changed_at, after, "release-automation")}
    rates = query_rates(random, topology)
    system = System(
        seed,
        topology,
        shifts=_shifts(random, topology, culprit, database, rates),
        edge_shifts=(EdgeShift(culprit, database, after / before * 1.5, "flood"),),
        query_rates=rates,
    )
    flood = [(changed_at + 15, 0.0), (changed_at + 50, 0.25), (storm_at, 0.35), (storm_at + 15, 1.0)]
    decoy = {random.choice([n.name for n in topology.services() if n.runtime == "deployment"]): now - 700.0}
    backends = after * random.randint(5, 8)
    return Scene(
        name="db-cascade",
        seed=seed,
        now=now,
        ends="fixed",
        system=system,
        curves={"flood": Curve(flood), "saturation": Curve([(storm_at, 0.0), (storm_at + 12, 1.0)])},
        truth=Truth(
            root_cause=culprit,
            kind="scale-up",
            changed_at=changed_at,
            fix={"action": "ecs-scale", "service": culprit, "count": before},
        ),
        alerts=AlertPlan(RULES, _STORM, unrelated=random.choice((0, 0, 0, 1, 2))),
        workloads=workloads(random, topology, now, decoy if random.random() < 0.7 else {}),
        ecs=ecs_services(random, topology, now, fresh),
        reactions=(
            FloodReaction("flood", culprit, full=backends),
            FloodReaction("saturation", culprit, full=backends),
        ),
        floods=(FloodPlan(culprit, backends, changed_at, calm_tasks=before, full_tasks=after),),
        tales=_tales(random, topology, culprit, database),
    )


def _is_database(topology: Topology, name: str) -> bool:
    return topology.node(name).kind == "database"


def _shifts(
    random: Random, topology: Topology, culprit: str, database: str, rates: dict[str, float]
) -> tuple[Shift, ...]:
    """The flood loads the database; past its limit it answers late or not at all, and that spreads to its callers."""
    store = topology.node(database)
    extra = max(rates[culprit] * random.uniform(6, 9), rates[database] * random.uniform(1.2, 2.0))
    trouble = spread(random, topology, {database: random.uniform(0.3, 0.42)}, "saturation")
    return (
        *(s for s in trouble if s.node != database),
        Shift(culprit, "service:query_rate", rates[culprit] + extra, "flood"),
        Shift(database, "service:query_rate", rates[database] + extra, "flood"),
        Shift(database, "service:request_rate", store.rate * random.uniform(2.2, 3.0), "flood"),
        Shift(database, "service:cpu_utilisation", random.uniform(0.95, 0.985), "flood"),
        Shift(database, "service:connections_utilisation", random.uniform(0.96, 0.99), "flood"),
        Shift(culprit, "service:cpu_utilisation", random.uniform(0.6, 0.75), "flood"),
        Shift(database, "service:latency_p95_seconds", random.uniform(0.4, 0.8), "saturation"),
        Shift(database, "service:error_ratio", random.uniform(0.08, 0.14), "saturation"),
    )


def _tales(random: Random, topology: Topology, culprit: str, database: str) -> tuple[LogTale, ...]:
    table = random.choice(words("tables"))
    shape = f"SELECT * FROM {table} WHERE payload LIKE '%%%08x%%' ORDER BY created_at"  # noqa: S608 - a line of a log; nobody runs it
    tales = [
        LogTale(
            database, "warning", f"slow query client={culprit} rows_scanned=4180233: {shape}", "flood", 3.0
        ),
        LogTale(culprit, "info", f"full pass over {table} started, batch=%08x index=none", "flood", 2.0),
        LogTale(database, "error", "too many connections: rejecting client, session=%08x", "saturation", 2.0),
    ]
    for edge in topology.callers(database):
        text = f"query to {database} failed: connection pool exhausted, request=%08x"
        tales.append(LogTale(edge.client, "error", text, "saturation", 1.2))
    return tuple(tales)
