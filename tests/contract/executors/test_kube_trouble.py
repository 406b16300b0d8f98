"""What every Kubernetes action makes of trouble on the wire: done and hung up, hanging, stale, busy. Both clusters."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.adapters.executors.kubectl import KubectlExecutor
from bot.domain.actions.kubernetes import ROLLOUT_RESTART, ROLLOUT_UNDO, SCALE
from bot.domain.actions.kubernetes_autoscaler import SET_BOUNDS
from bot.domain.actions.kubernetes_flag import SET_FLAG
from bot.domain.actions.kubernetes_network import DENY_NAMESPACE, QUARANTINE_POLICY
from bot.domain.actions.kubernetes_node import CORDON
from bot.domain.actions.kubernetes_pod import DETACH
from bot.domain.catalogue import Action, Params
from bot.domain.errors import Conflict, Retryable, Undecided
from bot.domain.plan import PlannedStep, Target
from tests.contract.executors.kube_scenes import (
    autoscaler,
    deployment,
    executor,
    flag,
    namespace,
    node,
    pods,
    step_for,
    target,
)
from tests.contract.kube.cluster import NAMESPACE, NEWER, Cluster, wait_until
from tests.contract.kube.interfering import BUSY, CONFLICT, HANG, HANG_UP, Interference, interfered

Scene = Callable[[Cluster], tuple[Action, Target, Params]]
TOKEN = "p:change:do"


def older(cluster: Cluster) -> tuple[Action, Target, Params]:
    on = deployment(cluster)
    cluster.deploy(on.name, NEWER)
    live = executor(cluster).read(on)
    revision = int(live["previous_revision"])
    return ROLLOUT_UNDO, on, {"to_revision": revision, "to_template": live["previous_template_hash"]}


def restart(cluster: Cluster) -> tuple[Action, Target, Params]:
    on = deployment(cluster)
    return ROLLOUT_RESTART, on, {"generation": int(executor(cluster).read(on)["generation"])}


SCENES: dict[str, Scene] = {
    "rollout-undo": older,
    "scale": lambda cluster: (SCALE, deployment(cluster), {"replicas": 3}),
    "rollout-restart": restart,
    "set-hpa-bounds": lambda cluster: (
        SET_BOUNDS,
        autoscaler(cluster, deployment(cluster), 2, 4),
        {"min_replicas": 2, "max_replicas": 6},
    ),
    "set-feature-flag": lambda cluster: (
        SET_FLAG,
        flag(cluster, "trouble", "true"),
        {"flag": "new-checkout", "value": "false"},
    ),
    "detach-pod": lambda cluster: (DETACH, pods(cluster, deployment(cluster).name)[0], {"detached": 1}),
    "quarantine-policy": lambda cluster: (
        QUARANTINE_POLICY,
        target(cluster, "k8s.namespace", f"namespace/{NAMESPACE}", "shop"),
        {"present": 1},
    ),
    "deny-namespace": lambda cluster: (DENY_NAMESPACE, namespace(cluster, "lab"), {"denied": 1}),
    "cordon": lambda cluster: (CORDON, node(cluster, "node-2"), {"unschedulable": 1}),
}


@pytest.fixture(scope="module")
def behind(
    cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[KubectlExecutor, Interference]]:
    with interfered(cluster, Path(tmp_path_factory.mktemp("proxy"))) as (proxied, trouble):
        yield executor(proxied), trouble


@pytest.fixture(params=sorted(SCENES))
def step(request: pytest.FixtureRequest, cluster: Cluster) -> Iterator[PlannedStep]:
    action, on, params = SCENES[request.param](cluster)
    yield step_for(executor(cluster), action, on, params, irreversible=True)
    cluster.kubectl("delete", "networkpolicies", "--all")
    cluster.kubectl("uncordon", "node-2")


def test_done_and_hung_up_is_found_done(
    cluster: Cluster, behind: tuple[KubectlExecutor, Interference], step: PlannedStep
) -> None:
    """The one answer that must not be taken for a failure: nobody may do it again, and reading back tells."""
    spoilt, trouble = behind
    trouble.mode, trouble.spoilt = HANG_UP, 0
    with pytest.raises(Undecided):
        spoilt.call(step, token=TOKEN)
    trouble.mode = ""
    assert trouble.spoilt >= 1
    wait_until(lambda: executor(cluster).settled(step, token=TOKEN))


def test_a_stale_object_is_a_conflict_and_changes_nothing(
    cluster: Cluster, behind: tuple[KubectlExecutor, Interference], step: PlannedStep
) -> None:
    spoilt, trouble = behind
    runs = executor(cluster)
    before = runs.read(step.target)
    # `kubectl scale` itself tries again after a conflict, here until its time is over.
    stale = Undecided if step.action == SCALE.id else Conflict
    for mode, error in ((CONFLICT, stale), (BUSY, Retryable)):
        trouble.mode = mode
        with pytest.raises(error):
            spoilt.call(step, token=TOKEN)
    trouble.mode = ""
    assert not runs.settled(step, token=TOKEN)
    kept = {field: before[field] for field in step.expect}
    assert {field: runs.read(step.target)[field] for field in step.expect} == kept


def test_a_server_that_hangs_leaves_it_undecided(
    cluster: Cluster, behind: tuple[KubectlExecutor, Interference]
) -> None:
    spoilt, trouble = behind
    action, on, params = SCENES["scale"](cluster)
    one = step_for(executor(cluster), action, on, params)
    trouble.mode = HANG
    with pytest.raises(Undecided):
        spoilt.call(one, token=TOKEN)
    trouble.mode = ""
    assert not executor(cluster).settled(one, token=TOKEN)
