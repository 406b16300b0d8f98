"""Quarantine and segmentation on both clusters: service is kept, nothing is cut that must not be, all of it undone.

That a policy lets nothing through is the network plugin's work, which neither cluster has; the simulated world shows
the effect.
"""

import dataclasses
import uuid
from collections.abc import Iterator

import pytest

from bot.domain.actions.kubernetes_network import DENY_NAMESPACE, QUARANTINE_POLICY
from bot.domain.actions.kubernetes_pod import DETACH, ISOLATE, QUARANTINE
from bot.domain.errors import Permanent, Refused
from bot.domain.plan import Target
from tests.contract.executors.kube_scenes import (
    deployment,
    executor,
    inverse,
    made,
    namespace,
    pods,
    run,
    step_for,
    target,
    there_and_back,
)
from tests.contract.kube.cluster import NAMESPACE, Cluster, wait_until


def ours(cluster: Cluster) -> Target:
    return target(cluster, "k8s.namespace", f"namespace/{NAMESPACE}", "shop")


@pytest.fixture(autouse=True)
def clean(cluster: Cluster) -> Iterator[None]:
    yield
    cluster.kubectl("delete", "networkpolicies", "--all")
    cluster.kubectl("delete", "pods", f"--selector={QUARANTINE}", "--wait=false")


def test_a_pod_is_quarantined_without_losing_service(cluster: Cluster) -> None:
    runs, shop = executor(cluster), deployment(cluster)
    victim = pods(cluster, shop.name)[0]
    policy = step_for(runs, QUARANTINE_POLICY, ours(cluster), {"present": 1})
    detach = step_for(runs, DETACH, victim, {"detached": 1})
    isolate = step_for(runs, ISOLATE, victim, {"isolated": 1})
    before = runs.read(victim)
    for step in (policy, detach, isolate):
        if step is not isolate:
            runs.dry_run(step)
    assert runs.read(victim) == before
    run(runs, policy)
    run(runs, detach)
    # The replacement serves already, and so does the pod until it is isolated.
    assert runs.read(victim)["replaced"] == "1"
    assert len(pods(cluster, shop.name)) == 3
    run(runs, isolate)
    serving = pods(cluster, shop.name)
    assert victim.name not in {one.name for one in serving}
    assert len(serving) == 2
    assert cluster.get(f"pod/{victim.name}")["metadata"]["uid"] == victim.uid
    assert runs.read(ours(cluster))["quarantined_pods"] == "1"
    with pytest.raises(Permanent):
        runs.call(isolate, token="p:change:do")
    run(runs, inverse(ISOLATE, isolate))
    assert len(pods(cluster, shop.name)) == 3
    run(runs, inverse(DETACH, detach))
    wait_until(lambda: len(pods(cluster, shop.name)) == 2)


def test_isolation_waits_for_the_replacement_and_the_policy(cluster: Cluster) -> None:
    runs, shop = executor(cluster), deployment(cluster)
    victim = pods(cluster, shop.name)[0]
    isolate = step_for(runs, ISOLATE, victim, {"isolated": 1})
    with pytest.raises(Refused) as refused:
        runs.dry_run(isolate)
    assert refused.value.rule == "service_not_kept"
    run(runs, step_for(runs, DETACH, victim, {"detached": 1}))
    with pytest.raises(Refused) as refused:
        runs.dry_run(isolate)
    assert refused.value.rule == "no_policy"
    run(runs, step_for(runs, QUARANTINE_POLICY, ours(cluster), {"present": 1}))
    selector = {"app.kubernetes.io/part-of": "all"}
    assert cluster.kubectl("label", f"pod/{victim.name}", "app.kubernetes.io/part-of=all").returncode == 0
    made(
        cluster,
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "everything", "namespace": NAMESPACE},
            "spec": {"selector": selector, "ports": [{"port": 80}]},
        },
    )
    with pytest.raises(Refused) as refused:
        runs.dry_run(isolate)
    cluster.kubectl("delete", "service/everything")
    assert refused.value.rule == "still_selected"
    assert runs.read(victim)["isolated"] == "0"


def test_a_protected_pod_is_left_alone(cluster: Cluster) -> None:
    runs, shop = executor(cluster), deployment(cluster)
    victim = pods(cluster, shop.name)[0]
    assert DETACH.refuses(runs.read(victim), {"detached": 1}) == ""
    assert cluster.kubectl("label", f"pod/{victim.name}", "watchkeeper-role=protected").returncode == 0
    assert "protected" in DETACH.refuses(runs.read(victim), {"detached": 1})
    assert "protected" in ISOLATE.refuses(runs.read(victim), {"isolated": 1})


def test_the_quarantine_policy_there_and_back(cluster: Cluster) -> None:
    runs, here = executor(cluster), ours(cluster)
    there_and_back(runs, QUARANTINE_POLICY, here, {"present": 1})
    step = step_for(runs, QUARANTINE_POLICY, here, {"present": 1})
    run(runs, step)
    runs.dry_run(inverse(QUARANTINE_POLICY, step))
    assert runs.read(here)["quarantine_policy"] == "1"
    run(runs, inverse(QUARANTINE_POLICY, step))
    assert runs.read(here)["quarantine_policy"] == "0"
    live = {**runs.read(here), "quarantined_pods": "1"}
    assert "still in quarantine" in QUARANTINE_POLICY.refuses(live, {"present": 0})


def test_a_weakened_quarantine_policy_does_not_count(cluster: Cluster) -> None:
    runs, here = executor(cluster), ours(cluster)
    run(runs, step_for(runs, QUARANTINE_POLICY, here, {"present": 1}))
    patch = '{"spec":{"policyTypes":["Ingress"]}}'
    done = cluster.kubectl("patch", f"networkpolicy/{QUARANTINE}", "--type=merge", f"--patch={patch}")
    assert done.returncode == 0, done.stderr
    assert runs.read(here)["quarantine_policy"] == "0"
    run(runs, step_for(runs, QUARANTINE_POLICY, here, {"present": 1}))
    assert runs.read(here)["quarantine_policy"] == "1"


def test_a_namespace_is_kept_out_and_let_in_again(cluster: Cluster) -> None:
    runs, zone = executor(cluster), namespace(cluster, f"zone-{uuid.uuid4().hex[:6]}")
    zone = dataclasses.replace(zone, scope=NAMESPACE)
    assert DENY_NAMESPACE.refuses(runs.read(zone), {"denied": 1}) == ""
    there_and_back(runs, DENY_NAMESPACE, zone, {"denied": 1})


def test_what_must_not_be_cut_is_not(cluster: Cluster) -> None:
    runs = executor(cluster)
    refused = {
        "kube-system": "protected",
        NAMESPACE: "protected",
        "operators": "protected",
        "by-role": "protected",
        "nameless": "carry its name",
    }
    namespace(cluster, "kube-system")
    namespace(cluster, "operators")
    namespace(cluster, "by-role", watchkeeper_role="protected")
    made(cluster, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "nameless"}})
    if cluster.name == "real":
        cluster.kubectl("label", "namespace/nameless", "kubernetes.io/metadata.name-")
    for name, why in refused.items():
        zone = target(cluster, "k8s.namespace", f"namespace/{name}", name)
        assert why in DENY_NAMESPACE.refuses(runs.read(zone), {"denied": 1}), name


def test_other_policies_and_outside_callers_hold_it_back(cluster: Cluster) -> None:
    runs, zone = executor(cluster), namespace(cluster, f"zone-{uuid.uuid4().hex[:6]}")
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "theirs", "namespace": NAMESPACE},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress"]},
    }
    made(cluster, policy)
    assert "other NetworkPolicies" in DENY_NAMESPACE.refuses(runs.read(zone), {"denied": 1})
    cluster.kubectl("delete", "networkpolicy/theirs")
    made(
        cluster,
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "front", "namespace": NAMESPACE},
            "spec": {"type": "NodePort", "selector": {"service": "front"}, "ports": [{"port": 80}]},
        },
    )
    assert "outside the cluster" in DENY_NAMESPACE.refuses(runs.read(zone), {"denied": 1})
    cluster.kubectl("delete", "service/front")
    assert DENY_NAMESPACE.refuses(runs.read(zone), {"denied": 1}) == ""


def test_another_manifest_than_the_catalogues_is_refused(cluster: Cluster) -> None:
    runs, here = executor(cluster), ours(cluster)
    step = step_for(runs, QUARANTINE_POLICY, here, {"present": 1})
    wider = dataclasses.replace(step, stdin=step.stdin.replace(QUARANTINE, "service"))
    for one in (wider, dataclasses.replace(step, stdin="")):
        with pytest.raises(Refused) as refused:
            runs.call(one, token="p:change:do")
        assert refused.value.rule == "command_changed"
    assert runs.read(here)["quarantine_policy"] == "0"
