"""Every request that a Kubernetes action makes is one that it lists, and every permission that it lists is used.

Heard at the door of the simulated cluster while each action lives its life there: dry run, call, read-back, way back.
"""

import dataclasses
import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from bot.adapters.evidence._kubectl_read import KubectlRead
from bot.adapters.evidence.kubernetes import Kubernetes
from bot.adapters.executors.forensics import ForensicsExecutor
from bot.domain.actions.forensics import COLLECT
from bot.domain.actions.kubernetes import ROLLOUT_RESTART, ROLLOUT_UNDO, SCALE
from bot.domain.actions.kubernetes_autoscaler import SET_BOUNDS
from bot.domain.actions.kubernetes_flag import SET_FLAG
from bot.domain.actions.kubernetes_network import DENY_NAMESPACE, QUARANTINE_POLICY
from bot.domain.actions.kubernetes_node import CORDON, DRAIN
from bot.domain.actions.kubernetes_pod import DETACH, ISOLATE
from bot.domain.actions.table import ACTIONS
from bot.domain.catalogue import Action, Params, planned_step
from bot.domain.permissions import APART, kube_permissions
from bot.domain.plan import Target
from bot.domain.reads import READS
from bot.local.cluster.access import EXECUTOR, READER
from tests.contract.executors import kube_scenes as scenes
from tests.contract.executors.test_kube_configuration import config, rolled_with
from tests.contract.kube.cluster import NAMESPACE, Cluster
from tests.contract.kube.simulated import Heard, simulated

Asked = set[tuple[str, str, str]]


@dataclasses.dataclass(frozen=True)
class Door:
    """A cluster and what was asked of it since the last look."""

    cluster: Cluster
    heard: Heard

    def asked(self, user: str) -> Asked:
        found = {(group, resource, verb) for who, group, resource, verb in self.heard.requests if who == user}
        self.heard.requests.clear()
        return found


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    heard = Heard()
    with simulated(tmp_path_factory.mktemp("door"), heard) as cluster:
        yield Door(cluster, heard)


def listed(texts: tuple[str, ...]) -> Asked:
    return {(one.group, one.resource, one.verb) for one in kube_permissions(texts) if one.resource != APART}


def there_and_back(door: Door, action: Action, on: Target, params: Params) -> None:
    """The life of an action, both ways where it has a way back, and a way back while it is still in place."""
    runs = scenes.executor(door.cluster)
    door.asked(EXECUTOR)
    step = scenes.step_for(
        runs, action, on, params, irreversible=action.inverse(runs.read(on), params) is None
    )
    scenes.run(runs, step)
    if step.stdin:
        # Somebody weakens the policy, and it is put right: changing is another request than creating.
        names = door.cluster.get("networkpolicies")["items"]
        for one in names:
            weaker = json.dumps([{"op": "replace", "path": "/spec/policyTypes", "value": ["Egress"]}])
            done = door.cluster.kubectl(
                "patch", f"networkpolicy/{one['metadata']['name']}", "--type=json", f"--patch={weaker}"
            )
            assert done.returncode == 0, done.stderr
        assert runs.call(step, token="p:change:do")
    if step.undo_params is not None:
        scenes.run(runs, scenes.inverse(action, step))


def configured(cluster: Cluster) -> Target:
    """A Deployment with two revisions, each of which refers to a ConfigMap of its own."""
    name = f"shop-{uuid.uuid4().hex[:6]}"
    for number in (1, 2):
        config(cluster, f"{name}-{number}", immutable=True)
    return rolled_with(cluster, name, f"{name}-1", f"{name}-2")


def ours(cluster: Cluster) -> Target:
    return scenes.target(cluster, "k8s.namespace", f"namespace/{NAMESPACE}", "shop")


def undo(door: Door) -> None:
    shop = configured(door.cluster)
    live = scenes.executor(door.cluster).read(shop)
    older: Params = {
        "to_revision": int(live["previous_revision"]),
        "to_template": live["previous_template_hash"],
    }
    there_and_back(door, ROLLOUT_UNDO, shop, older)


def restart(door: Door) -> None:
    shop = configured(door.cluster)
    live = scenes.executor(door.cluster).read(shop)
    there_and_back(door, ROLLOUT_RESTART, shop, {"generation": int(live["generation"])})


def scale(door: Door) -> None:
    there_and_back(door, SCALE, configured(door.cluster), {"replicas": 3})


def bounds(door: Door) -> None:
    shop = scenes.deployment(door.cluster)
    on = scenes.autoscaler(door.cluster, shop, 1, 3)
    there_and_back(door, SET_BOUNDS, on, {"min_replicas": 2, "max_replicas": 4})


def flag(door: Door) -> None:
    on = scenes.flag(door.cluster, scenes.deployment(door.cluster).name, "true")
    there_and_back(door, SET_FLAG, on, {"flag": "new-checkout", "value": "false"})


def policy(door: Door) -> None:
    there_and_back(door, QUARANTINE_POLICY, ours(door.cluster), {"present": 1})


def deny(door: Door) -> None:
    zone = dataclasses.replace(scenes.namespace(door.cluster, "zone-requests"), scope=NAMESPACE)
    there_and_back(door, DENY_NAMESPACE, zone, {"denied": 1})


def detach(door: Door) -> None:
    there_and_back(
        door, DETACH, scenes.pods(door.cluster, scenes.deployment(door.cluster).name)[0], {"detached": 1}
    )


def isolate(door: Door) -> None:
    runs = scenes.executor(door.cluster)
    victim = scenes.pods(door.cluster, scenes.deployment(door.cluster).name)[0]
    kept_in = scenes.step_for(runs, QUARANTINE_POLICY, ours(door.cluster), {"present": 1})
    scenes.run(runs, kept_in)
    scenes.run(runs, scenes.step_for(runs, DETACH, victim, {"detached": 1}))
    door.asked(EXECUTOR)
    step = scenes.step_for(runs, ISOLATE, victim, {"isolated": 1})
    scenes.run(runs, step)
    scenes.run(runs, scenes.inverse(ISOLATE, step))


def cordon(door: Door) -> None:
    there_and_back(door, CORDON, scenes.node(door.cluster, "node-1"), {"unschedulable": 1})


def drain(door: Door) -> None:
    """Of a node with a pod to evict."""
    cluster = door.cluster
    for what in ("deployments", "pods", "networkpolicies"):
        cluster.kubectl("delete", what, "--all")
    shop = scenes.deployment(cluster, replicas=4)
    items = cluster.get("pods", f"--selector=service={shop.name}")["items"]
    places = {one["spec"]["nodeName"] for one in items}
    if len(places) == 1:
        first = next(iter(places))
        cluster.kubectl("cordon", first)
        cluster.kubectl("scale", f"deployment/{shop.name}", "--replicas=6")
        cluster.kubectl("rollout", "status", f"deployment/{shop.name}", "--timeout=25s")
        cluster.kubectl("uncordon", first)
        places = {first}
    on = scenes.node(cluster, min(places))
    there_and_back(door, DRAIN, on, {})
    cluster.kubectl("uncordon", on.name)


LIVES: Mapping[str, Callable[[Door], None]] = {
    ROLLOUT_UNDO.id: undo,
    ROLLOUT_RESTART.id: restart,
    SCALE.id: scale,
    SET_BOUNDS.id: bounds,
    SET_FLAG.id: flag,
    QUARANTINE_POLICY.id: policy,
    DENY_NAMESPACE.id: deny,
    DETACH.id: detach,
    ISOLATE.id: isolate,
    CORDON.id: cordon,
    DRAIN.id: drain,
}
# Asked only of a node on which a pod of a DaemonSet runs, and the simulated cluster has none of these.
UNPLAYED: Mapping[str, Asked] = {DRAIN.id: {("apps", "daemonsets", "get")}}


def test_every_kubectl_action_is_played() -> None:
    assert set(LIVES) == {one.id for one in ACTIONS.values() if one.executor == "kubectl"}


@pytest.mark.parametrize("action", LIVES)
def test_requests_and_permissions_are_the_same(door: Door, action: str) -> None:
    door.cluster.kubectl("delete", "networkpolicies", "--all")
    LIVES[action](door)
    asked, wanted = door.asked(EXECUTOR), listed(ACTIONS[action].permissions)
    assert asked - wanted == set(), "asked without a permission"
    assert wanted - asked == UNPLAYED.get(action, set()), "permitted and never asked"


def test_the_forensic_package_asks_for_what_it_lists(door: Door, tmp_path: Path) -> None:
    shop = configured(door.cluster)
    runs = ForensicsExecutor(door.cluster.call("executor"), tmp_path)
    door.asked(EXECUTOR)
    step = planned_step(COLLECT, "collect", shop, runs.read(shop), {"log_lines": 5})
    runs.dry_run(step)
    runs.call(step, token="p:collect:do")
    assert runs.settled(step, token="p:collect:do")
    asked, wanted = door.asked(EXECUTOR), listed(COLLECT.permissions)
    assert asked - wanted == set(), "asked without a permission"
    assert wanted - asked == set(), "permitted and never asked"


def test_the_readers_requests_and_its_permissions_are_the_same(door: Door, tmp_path: Path) -> None:
    """Every kind is looked up by service and by role, and the changes are collected."""
    shop = configured(door.cluster)
    scenes.flag(door.cluster, shop.name, "true")
    scenes.autoscaler(door.cluster, shop, 1, 3)
    call = door.cluster.call("reader")
    reader = Kubernetes(
        KubectlRead(call.binary, call.kubeconfig, call.context, call.namespace, tmp_path, call.path)
    )
    door.asked(READER)
    for kind in reader.kinds:
        for name in (shop.name, "node-1"):
            reader.find(kind, name)
        reader.declared(kind, "spare")
    reader.collect([shop.name], start=0.0, end=2e9)
    asked, wanted = door.asked(READER), listed(READS["kubernetes"])
    assert asked - wanted == set(), "asked without a permission"
    assert wanted - asked == set(), "permitted and never asked"
