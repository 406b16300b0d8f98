"""The kubectl executor on both clusters: reads, dry run, call, read-back, and each error in our own words."""

import dataclasses
import uuid
from collections.abc import Callable

import pytest

from bot.adapters.executors._kubectl_call import KubectlCall
from bot.adapters.executors.kubectl import KubectlExecutor
from bot.domain.actions import ROLLOUT_UNDO
from bot.domain.catalogue import planned_step
from bot.domain.errors import Permanent, Refused, Retryable
from bot.domain.plan import PlannedStep, Target
from tests.contract.kube.cluster import GOOD, NAMESPACE, NEWER, Cluster, wait_until
from tests.contract.kube.simulated import free_port

Bind = Callable[[KubectlExecutor], PlannedStep]


@pytest.fixture
def name(cluster: Cluster) -> str:
    chosen = f"shop-{uuid.uuid4().hex[:6]}"
    cluster.deploy(chosen, GOOD)
    cluster.deploy(chosen, NEWER)
    return chosen


@pytest.fixture
def executor(cluster: Cluster) -> KubectlExecutor:
    return KubectlExecutor(cluster.call())


@pytest.fixture
def step(cluster: Cluster, name: str, executor: KubectlExecutor) -> PlannedStep:
    """A rollback to the older revision, bound to what is live."""
    uid = cluster.get(f"deployment/{name}")["metadata"]["uid"]
    target = Target("k8s.deployment", name, NAMESPACE, uid, name)
    live = executor.read(target)
    params: dict[str, str | int] = {
        "to_revision": int(live["previous_revision"]),
        "to_template": live["previous_template_hash"],
    }
    return planned_step(ROLLOUT_UNDO, "rollback", target, live, params)


def test_dry_run_then_call_then_read_back(
    cluster: Cluster, executor: KubectlExecutor, step: PlannedStep
) -> None:
    executor.dry_run(step)
    assert executor.read(step.target)["image"] == NEWER
    assert not executor.settled(step, token="t")
    assert executor.call(step, token="t").endswith("rolled back")
    wait_until(lambda: executor.settled(step, token="t"))
    live = executor.read(step.target)
    assert (live["image"], live["template_hash"]) == (GOOD, step.params["to_template"])
    assert all(live[field] != step.expect[field] for field in ("revision", "template_hash"))


def test_the_inverse_restores_what_was_live(
    executor: KubectlExecutor, step: PlannedStep, cluster: Cluster
) -> None:
    executor.call(step, token="t")
    wait_until(lambda: executor.settled(step, token="t"))
    assert step.undo_params is not None
    assert step.undo_command is not None
    back = dataclasses.replace(step, params=step.undo_params, command=step.undo_command)
    executor.dry_run(back)
    executor.call(back, token="u")
    wait_until(lambda: executor.settled(back, token="u"))
    assert executor.read(step.target)["image"] == NEWER


def test_a_revision_that_moved_is_refused(
    cluster: Cluster, executor: KubectlExecutor, step: PlannedStep
) -> None:
    executor.call(step, token="t")
    wait_until(lambda: executor.settled(step, token="t"))
    with pytest.raises(Refused) as refused:
        executor.dry_run(step)
    assert refused.value.rule == "revision_moved"


def test_what_does_not_exist_is_permanent(executor: KubectlExecutor, step: PlannedStep) -> None:
    with pytest.raises(Permanent, match="not found"):
        executor.read(dataclasses.replace(step.target, name="nothing"))


def test_missing_permission_is_refused(cluster: Cluster, step: PlannedStep) -> None:
    reader = KubectlExecutor(cluster.call("reader"))
    for attempt in (reader.dry_run, lambda one: reader.call(one, token="t")):
        with pytest.raises(Refused) as refused:
            attempt(step)
        assert refused.value.rule == "forbidden"
    assert reader.read(step.target)["image"] == NEWER


def test_another_namespace_or_command_is_refused(executor: KubectlExecutor, step: PlannedStep) -> None:
    elsewhere = dataclasses.replace(step.target, scope="kube-system")
    with pytest.raises(Refused, match="outside"):
        executor.read(elsewhere)
    crooked = dataclasses.replace(step, command=(*step.command, "--all"))
    with pytest.raises(Refused) as refused:
        executor.call(crooked, token="t")
    assert refused.value.rule == "command_changed"


def test_an_unreachable_server_was_never_reached(cluster: Cluster, step: PlannedStep) -> None:
    nowhere = cluster.home / "nowhere.kubeconfig"
    text = cluster.configs["executor"].read_text(encoding="utf-8")
    server = cluster.get("deployments", "-v=0") and text.split('"server": "')[1].split('"')[0]
    nowhere.write_text(text.replace(server, f"https://127.0.0.1:{free_port()}"), encoding="utf-8")
    call = cluster.call()
    away = KubectlExecutor(
        KubectlCall(call.binary, nowhere, call.context, call.namespace, cluster.home / "empty", call.path)
    )
    with pytest.raises(Retryable):
        away.call(step, token="t")
