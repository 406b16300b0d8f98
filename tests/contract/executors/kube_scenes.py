"""What the Kubernetes actions are tried on: fresh objects of each kind on one of the clusters, and the life of a step."""

import dataclasses
import json
import uuid
from collections.abc import Mapping
from typing import Any

from bot.adapters.executors.kubectl import KubectlExecutor
from bot.domain.catalogue import Action, Params, planned_step
from bot.domain.plan import PlannedStep, Target
from tests.contract.kube.cluster import GOOD, NAMESPACE, Cluster, wait_until

PRICES = {"k8s.deployment": 3.0, "k8s.hpa": 3.0}


PROTECTED = ("kube-system", "operators")


def executor(cluster: Cluster, user: str = "executor") -> KubectlExecutor:
    """The product's executor with a price table."""
    return KubectlExecutor(cluster.call(user), PRICES, PROTECTED)


def made(cluster: Cluster, obj: Mapping[str, Any]) -> Any:
    """Create or change an object as the cluster's admin, and return it."""
    done = cluster.kubectl("apply", "--validate=false", "-f", "-", "-o", "json", stdin=json.dumps(obj))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def deployment(cluster: Cluster, *, replicas: int = 2) -> Target:
    """A running Deployment of its own."""
    name = f"shop-{uuid.uuid4().hex[:6]}"
    cluster.deploy(name, GOOD, replicas=replicas)
    return target(cluster, "k8s.deployment", f"deployment/{name}", name)


def autoscaler(cluster: Cluster, scaled: Target, low: int, high: int) -> Target:
    """An autoscaler over the Deployment."""
    made(
        cluster,
        {
            "apiVersion": "autoscaling/v1",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": scaled.name, "namespace": NAMESPACE, "labels": {"service": scaled.name}},
            "spec": {
                "minReplicas": low,
                "maxReplicas": high,
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": scaled.name},
            },
        },
    )
    return target(cluster, "k8s.hpa", f"horizontalpodautoscalers.v1.autoscaling/{scaled.name}", scaled.name)


def pods(cluster: Cluster, service: str) -> list[Target]:
    """The pods that serve, oldest name first."""
    items = cluster.get("pods", f"--selector=service={service}")["items"]
    names = sorted(one["metadata"]["name"] for one in items if "deletionTimestamp" not in one["metadata"])
    return [target(cluster, "k8s.pod", f"pod/{name}", service) for name in names]


def namespace(cluster: Cluster, name: str, **labels: str) -> Target:
    """A namespace that carries its name as newer servers see to, and the given labels."""
    named = {
        "kubernetes.io/metadata.name": name,
        **{key.replace("_", "-"): text for key, text in labels.items()},
    }
    made(cluster, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": named}})
    return target(cluster, "k8s.namespace", f"namespace/{name}", name)


def flag(cluster: Cluster, service: str, value: str, **more: Any) -> Target:
    """A ConfigMap that declares one flag beside other keys."""
    meta = {
        "name": f"{service}-flags",
        "namespace": NAMESPACE,
        "labels": {"service": service, "watchkeeper-role": "feature-flags"},
        "annotations": {"watchkeeper-flag": "new-checkout"},
    }
    data = {"new-checkout": value, "database": "primary"}
    made(cluster, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data, **more})
    return target(cluster, "k8s.flag", f"configmap/{meta['name']}", service)


def node(cluster: Cluster, name: str) -> Target:
    return target(cluster, "k8s.node", f"node/{name}", name, scope="cluster")


def target(cluster: Cluster, kind: str, what: str, service: str, scope: str = NAMESPACE) -> Target:
    meta = cluster.get(what)["metadata"]
    return Target(kind, meta["name"], scope, meta["uid"], service)


def step_for(
    runs: KubectlExecutor, action: Action, on: Target, params: Params, *, irreversible: bool = False
) -> PlannedStep:
    """Bind an action to what is live now."""
    return planned_step(action, "change", on, runs.read(on), params, irreversible=irreversible)


def run(runs: KubectlExecutor, step: PlannedStep) -> str:
    """Dry run, call, and read back until it has settled."""
    runs.dry_run(step)
    said = runs.call(step, token="p:change:do")
    wait_until(lambda: runs.settled(step, token="p:change:do"))
    return said


def inverse(action: Action, step: PlannedStep) -> PlannedStep:
    """The declared way back."""
    assert step.undo_params is not None
    assert step.undo_command is not None
    return dataclasses.replace(
        step,
        params=step.undo_params,
        command=step.undo_command,
        stdin=action.manifest(step.target, step.undo_params),
    )


def there_and_back(runs: KubectlExecutor, action: Action, on: Target, params: Params) -> None:
    """The life of a reversible step: a dry run changes nothing, the call lands, once more is the same, and back."""
    before = dict(runs.read(on))
    step = step_for(runs, action, on, params)
    assert step.expect.items() <= before.items()
    runs.dry_run(step)
    wanted = dict(action.sets(step.params))
    assert wanted.items() - runs.read(on).items(), "it is live already, or the dry run did it"
    assert not runs.settled(step, token="p:change:do")
    assert run(runs, step)
    after = runs.read(on)
    assert wanted.items() <= after.items()
    assert after["uid"] == before["uid"]
    assert runs.call(step, token="p:change:do")
    assert wanted.items() <= runs.read(on).items()
    run(runs, inverse(action, step))
    restored = runs.read(on)
    assert {field: restored[field] for field in wanted} == {field: before[field] for field in wanted}
