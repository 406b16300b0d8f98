"""Cordon and drain on both clusters: other pods' last copies and disruption budgets hold a drain back."""

import dataclasses
import json
from collections.abc import Iterator

import pytest

from bot.domain.actions.kubernetes_node import CORDON, DRAIN
from bot.domain.errors import Refused, Undecided
from bot.domain.plan import Target
from tests.contract.executors.kube_scenes import deployment, executor, node, run, step_for, there_and_back
from tests.contract.kube.cluster import NAMESPACE, Cluster, wait_until


@pytest.fixture(autouse=True)
def emptied(cluster: Cluster) -> Iterator[None]:
    """No pods of other tests on the nodes, and every node open."""
    what = "deployments,horizontalpodautoscalers,poddisruptionbudgets,pods"
    assert cluster.kubectl("delete", what, "--all", "--wait=false").returncode == 0
    wait_until(lambda: not cluster.get("pods")["items"])
    yield
    nodes = [one["metadata"]["name"] for one in cluster.get("nodes")["items"]]
    assert cluster.kubectl("uncordon", *nodes).returncode == 0


def where(cluster: Cluster, service: str) -> list[str]:
    items = cluster.get("pods", f"--selector=service={service}")["items"]
    return [one["spec"].get("nodeName", "") for one in items if "deletionTimestamp" not in one["metadata"]]


def spread(cluster: Cluster) -> tuple[Target, str]:
    """A Deployment with pods on two nodes, and the name of one of them."""
    shop = deployment(cluster, replicas=2)
    first = where(cluster, shop.name)[0]
    assert cluster.kubectl("cordon", first).returncode == 0
    cluster.kubectl("scale", f"deployment/{shop.name}", "--replicas=4")
    wait_until(lambda: len(set(where(cluster, shop.name))) > 1)
    cluster.kubectl("rollout", "status", f"deployment/{shop.name}", "--timeout=25s")
    assert cluster.kubectl("uncordon", first).returncode == 0
    return shop, first


def test_cordon_there_and_back(cluster: Cluster) -> None:
    runs, one = executor(cluster), node(cluster, "node-1")
    there_and_back(runs, CORDON, one, {"unschedulable": 1})
    assert runs.read(one)["unschedulable"] == "0"


def test_the_last_open_node_is_not_cordoned(cluster: Cluster) -> None:
    runs, names = executor(cluster), [one["metadata"]["name"] for one in cluster.get("nodes")["items"]]
    for name in names[1:]:
        cluster.kubectl("cordon", name)
    live = runs.read(node(cluster, names[0]))
    assert "no other ready node" in CORDON.refuses(live, {"unschedulable": 1})
    assert "no other ready node" in DRAIN.refuses(live, {})
    assert CORDON.refuses(live, {"unschedulable": 0}) == ""


def test_a_drain_moves_the_pods_and_leaves_the_node_empty(cluster: Cluster) -> None:
    runs = executor(cluster)
    shop, name = spread(cluster)
    one = node(cluster, name)
    run(runs, step_for(runs, CORDON, one, {"unschedulable": 1}))
    live = runs.read(one)
    assert DRAIN.refuses(live, {}) == ""
    step = step_for(runs, DRAIN, one, {}, irreversible=True)
    runs.dry_run(step)
    assert name in where(cluster, shop.name)
    assert not runs.settled(step, token="p:change:do")
    run(runs, step)
    wait_until(lambda: len(where(cluster, shop.name)) == 4)
    assert name not in where(cluster, shop.name)
    assert DRAIN.blast_radius(live, {})["pods"] == int(live["pods"]) > 0


def test_the_last_ready_pod_is_not_taken(cluster: Cluster) -> None:
    runs, shop = executor(cluster), deployment(cluster, replicas=1)
    [name] = where(cluster, shop.name)
    assert f"the last ready pod of {shop.name}" in DRAIN.refuses(runs.read(node(cluster, name)), {})


def test_a_disruption_budget_is_respected(cluster: Cluster) -> None:
    runs = executor(cluster)
    shop, name = spread(cluster)
    budget(cluster, shop.name)
    one = node(cluster, name)
    wait_until(lambda: "disruption budget" in DRAIN.refuses(runs.read(one), {}))
    step = step_for(runs, DRAIN, one, {}, irreversible=True)
    # Whoever asks anyway is held back by the eviction API itself, and told that the outcome is open.
    with pytest.raises(Undecided):
        runs.call(step, token="p:change:do")
    assert not runs.settled(step, token="p:change:do")
    assert len(where(cluster, shop.name)) == 4


def test_a_node_of_another_scope_is_refused(cluster: Cluster) -> None:
    runs, one = executor(cluster), node(cluster, "node-1")
    with pytest.raises(Refused) as refused:
        runs.read(dataclasses.replace(one, scope=NAMESPACE))
    assert refused.value.rule == "outside_namespace"


def budget(cluster: Cluster, service: str) -> None:
    version = "policy/v1beta1" if cluster.name == "real" else "policy/v1"
    wanted = {
        "apiVersion": version,
        "kind": "PodDisruptionBudget",
        "metadata": {"name": service, "namespace": NAMESPACE},
        "spec": {"minAvailable": 4, "selector": {"matchLabels": {"service": service}}},
    }
    done = cluster.kubectl("create", "--validate=false", "-f", "-", stdin=json.dumps(wanted))
    assert done.returncode == 0, done.stderr
