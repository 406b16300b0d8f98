"""Foreign code starts in three pods of one Deployment and calls out; users notice nothing, the sensor does."""

from random import Random

from bot.local.world.physics import Curve, Shift, System
from bot.local.world.scene import AlertPlan, Scene, Strike, Truth
from bot.local.world.scenes.common import ecs_services, query_rates, workloads
from bot.local.world.topology import draw_topology

PODS = 3
_EXECUTABLES = (
    "/opt/.cache/kworkerd",
    "/app/.x/updater",
    "/home/app/.agentd",
    "/usr/lib/.ice/logrotated",
)
_PORTS = (443, 4444, 8443, 3333)


def draw(seed: int, now: float) -> Scene:
    """Draw the struck workload, what runs there, whom it calls, topology and timings."""
    random = Random(f"zero-day/{seed}")
    topology = draw_topology(random)
    culprit = random.choice([n.name for n in topology.services() if n.runtime == "deployment"])
    node = topology.node(culprit)
    since_at = now - random.uniform(60, 90)
    others = [n.name for n in topology.services() if n.runtime == "deployment" and n.name != culprit]
    decoy = {random.choice(others): now - random.uniform(200, 900)}
    remotes = tuple(
        f"{random.choice(('203.0.113', '198.51.100'))}.{random.randint(2, 250)}:{random.choice(_PORTS)}"
        for _ in range(2)
    )
    return Scene(
        name="zero-day",
        seed=seed,
        now=now,
        ends="fixed",
        system=System(
            seed,
            topology,
            (
                Shift(culprit, "service:runtime_alerts", random.uniform(0.4, 0.8), "beacon"),
                Shift(
                    culprit,
                    "service:cpu_utilisation",
                    min(0.7, node.cpu * random.uniform(1.25, 1.5)),
                    "beacon",
                ),
            ),
            query_rates=query_rates(random, topology),
        ),
        curves={"beacon": Curve([(since_at, 0.0), (since_at + 20, 1.0)])},
        truth=Truth(
            root_cause=culprit,
            kind="intrusion",
            changed_at=since_at,
            fix={"action": "isolate", "service": culprit, "pods": PODS},
        ),
        alerts=AlertPlan((), unrelated=random.choice((0, 0, 1))),
        workloads=workloads(random, topology, now, decoy if random.random() < 0.6 else {}),
        ecs=ecs_services(random, topology, now),
        strike=Strike(culprit, PODS, random.choice(_EXECUTABLES), remotes, since_at, "beacon"),
    )
