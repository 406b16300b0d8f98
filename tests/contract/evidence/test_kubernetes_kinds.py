"""The inventory of every Kubernetes kind, on both clusters: each documented field, and the same that the executor reads."""

import dataclasses
import json
import uuid
from collections.abc import Callable

import pytest

from bot.adapters.evidence import kubernetes
from bot.adapters.evidence.kubernetes import Kubernetes
from bot.domain.actions.table import LIVE_FIELDS
from bot.domain.errors import Permanent
from bot.domain.plan import Target
from bot.settings import Settings
from tests.contract.executors.kube_scenes import (
    PRICES,
    PROTECTED,
    autoscaler,
    deployment,
    executor,
    flag,
    namespace,
    node,
    pods,
)
from tests.contract.kube.cluster import NAMESPACE, NEWER, Cluster, binary

# What a reading may miss, and what moves by itself between two readings.
_ABSENT = {"previous_revision", "previous_image", "previous_template_hash", "previous_ran_s"} | {
    "previous_config",
    "previous_config_sound",
    "previous_until",
}
_MOVING = {"pods", "last_of", "resource_version"}


@pytest.fixture
def reader(cluster: Cluster, settings: Callable[..., Settings]) -> Kubernetes:
    given = settings(
        kubectl=binary(),
        kube_reader_config=str(cluster.configs["reader"]),
        kube_namespace=NAMESPACE,
        kube_protected_namespaces=json.dumps(PROTECTED),
        prices=json.dumps(PRICES),
    )
    return kubernetes.build(given)


def same(cluster: Cluster, reader: Kubernetes, wanted: Target, service: str) -> dict[str, str]:
    """Find the target by its service, compare it with what the executor reads, and return its fields."""
    found = {target.uid: (target, live) for target, live in reader.find(wanted.kind, service)}
    target, live = found[wanted.uid]
    assert target == dataclasses.replace(wanted, service=service)
    assert LIVE_FIELDS[wanted.kind] - set(live) <= _ABSENT
    read = executor(cluster).read(target)
    for field in set(live) - _MOVING:
        assert live[field] == read[field], field
    return dict(live)


def test_workloads(cluster: Cluster, reader: Kubernetes) -> None:
    shop = deployment(cluster)
    cluster.deploy(shop.name, NEWER)
    scaler = autoscaler(cluster, shop, 2, 5)
    live = same(cluster, reader, shop, shop.name)
    assert (live["autoscaler"], live["unit_price"], live["rolling"]) == (shop.name, "3000", "0")
    assert same(cluster, reader, scaler, shop.name)["scales"] == f"deployment/{shop.name}"
    for pod in pods(cluster, shop.name):
        assert same(cluster, reader, pod, shop.name)["labelled"] == "1"


def test_a_flag_and_a_node(cluster: Cluster, reader: Kubernetes) -> None:
    service = f"svc-{uuid.uuid4().hex[:6]}"
    assert same(cluster, reader, flag(cluster, service, "on"), service)["off"] == "off"
    assert same(cluster, reader, node(cluster, "node-1"), "node-1")["unschedulable"] == "0"
    assert reader.find("k8s.node", service) == []


def test_our_namespace_and_one_with_a_role(cluster: Cluster, reader: Kubernetes) -> None:
    shop = deployment(cluster)
    [(ours, live)] = reader.find("k8s.namespace", shop.name)
    assert (ours.name, ours.scope, live["protected"]) == (NAMESPACE, NAMESPACE, "1")
    assert reader.find("k8s.namespace", "nobody") == []
    name = f"zone-{uuid.uuid4().hex[:6]}"
    namespace(cluster, name, watchkeeper_role=name)
    [(zone, live)] = reader.declared("k8s.namespace", name)
    assert (zone.name, zone.scope, live["protected"], live["named"]) == (name, NAMESPACE, "0", "1")


@pytest.mark.parametrize("kind", ["k8s.deployment", "k8s.pod", "k8s.hpa"])
def test_a_role_is_a_label(cluster: Cluster, reader: Kubernetes, kind: str) -> None:
    shop, role = deployment(cluster), f"role-{uuid.uuid4().hex[:6]}"
    scaler = autoscaler(cluster, shop, 1, 3)
    chosen = {"k8s.deployment": shop, "k8s.pod": pods(cluster, shop.name)[0], "k8s.hpa": scaler}[kind]
    what = {"k8s.deployment": "deployment", "k8s.pod": "pod", "k8s.hpa": "horizontalpodautoscaler"}[kind]
    done = cluster.kubectl("label", f"{what}/{chosen.name}", f"watchkeeper-role={role}")
    assert done.returncode == 0, done.stderr
    assert [target for target, _live in reader.declared(kind, role)] == [chosen]
    assert reader.declared(kind, "nobody") == []


def test_a_configmap_without_a_declared_flag_is_said(cluster: Cluster, reader: Kubernetes) -> None:
    service = f"svc-{uuid.uuid4().hex[:6]}"
    on = flag(cluster, service, "on")
    cluster.kubectl("annotate", f"configmap/{on.name}", "watchkeeper-flag-")
    with pytest.raises(Permanent, match="declares no feature flag"):
        reader.find("k8s.flag", service)
