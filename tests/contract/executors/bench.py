"""What the executor contract runs on: an executor with one live target and a way to bind a step to it anew."""

import contextlib
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from moto.server import ThreadedMotoServer

from bot.adapters.executors.kubectl import KubectlExecutor
from bot.adapters.executors.scripted import ScriptedExecutor, key_of, save_world
from bot.domain.actions.ecs import SET_DESIRED_COUNT
from bot.domain.actions.kubernetes import ROLLOUT_UNDO
from bot.domain.catalogue import Action, Live, Params, planned_step
from bot.domain.plan import PlannedStep, Target
from bot.ports import Executor
from tests.contract.kube.cluster import GOOD, NAMESPACE, NEWER, Cluster
from tests.contract.kube.simulated import free_port
from tests.unit.pipeline.execution_scene import deployment, live_of, service

REGION = "eu-west-1"


@dataclass(frozen=True)
class Bench:
    """One executor over one target. `wanted` gives the parameters of a change that is not live yet.

    `turn` is what the provider does by itself after a call, where the test server does not.
    """

    executor: Executor
    target: Target
    action: Action
    wanted: Callable[[Live], Params]
    turn: Callable[[], None] = lambda: None

    def settled(self, step: PlannedStep, token: str) -> bool:
        """Whether the effect is complete, after the provider's next turn."""
        self.turn()
        return self.executor.settled(step, token=token)

    def step(self) -> PlannedStep:
        """Bind the change to what is live now."""
        live = self.executor.read(self.target)
        return planned_step(self.action, "change", self.target, live, self.wanted(live))


def count_for(live: Live) -> Params:
    """Half of the tasks."""
    return {"count": max(1, int(live["desired_count"]) // 2)}


def older_revision(live: Live) -> Params:
    """The revision before the live one."""
    return {
        "to_revision": int(live["previous_revision"]),
        "to_template": live["previous_template_hash"],
    }


def scripted_bench(folder: Path, kind: str) -> Bench:
    """The shipped fake, as a cluster or as ECS."""
    target = service("cart") if kind == "ecs" else deployment("shop")
    save_world(folder, {key_of(target): live_of(target)}, ())
    if kind == "ecs":
        return Bench(ScriptedExecutor(folder), target, SET_DESIRED_COUNT, count_for)
    return Bench(
        ScriptedExecutor(folder),
        target,
        ROLLOUT_UNDO,
        lambda _live: {"to_revision": 1, "to_template": "older"},
    )


def kubectl_bench(cluster: Cluster) -> Bench:
    """The real kubectl on one of the clusters."""
    name = f"shop-{uuid.uuid4().hex[:6]}"
    cluster.deploy(name, GOOD)
    cluster.deploy(name, NEWER)
    uid = cluster.get(f"deployment/{name}")["metadata"]["uid"]
    target = Target("k8s.deployment", name, NAMESPACE, uid, name)
    return Bench(KubectlExecutor(cluster.call()), target, ROLLOUT_UNDO, older_revision)


@contextlib.contextmanager
def moto() -> Iterator[str]:
    """A running AWS test server; yields its URL."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=free_port(), verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def write_credentials(path: Path) -> Path:
    """A shared credentials file with made-up keys."""
    path.write_text("[default]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = example\n")
    return path
