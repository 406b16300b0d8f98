"""Fills a store with workloads that have a past: revisions with their times, running pods, events.

For whoever sets a scene (the simulated world, tests); nothing reachable over HTTP.
"""

from dataclasses import dataclass, field

from bot.local.cluster import deployments
from bot.local.cluster.controller import deployment_status
from bot.local.cluster.events import record_event
from bot.local.cluster.kinds import DEPLOYMENTS, NAMESPACES, NODES, PODS, REPLICASETS, SERVICES, Obj, rfc3339
from bot.local.cluster.pods import NODE_NAMES, new_pod, new_replica_set, started
from bot.local.cluster.store import ObjectStore


@dataclass(frozen=True)
class Revision:
    """One past or present version of a workload; the last one in a list runs."""

    image: str
    at: float
    cause: str


@dataclass(frozen=True)
class Workload:
    """A Deployment to be made, with its history, oldest revision first."""

    name: str
    namespace: str
    replicas: int
    revisions: tuple[Revision, ...]
    port: int = 8080
    labels: dict[str, str] = field(default_factory=dict)


def build_basics(store: ObjectStore, namespace: str, at: float) -> None:
    """Namespaces and nodes."""
    for name in ("default", "kube-system", namespace):
        meta = {"name": name, "labels": {"kubernetes.io/metadata.name": name}}
        store.create(NAMESPACES, {"metadata": meta, "spec": {}, "status": {"phase": "Active"}}, rfc3339(at))
    for index, name in enumerate(NODE_NAMES):
        status = {
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
            "addresses": [{"type": "InternalIP", "address": f"10.20.0.{10 + index}"}],
            "capacity": {"cpu": "16", "memory": "64Gi", "pods": "110"},
            "nodeInfo": {"kubeletVersion": "v1.37.1", "osImage": "Linux", "architecture": "amd64"},
        }
        meta = {"name": name, "labels": {"kubernetes.io/hostname": name}}
        store.create(NODES, {"metadata": meta, "spec": {}, "status": status}, rfc3339(at))


def build_workload(store: ObjectStore, workload: Workload, now: float) -> None:
    """Create the Deployment, its Service, ReplicaSets, pods and recent events, as if made at the given times."""
    deployment = _deployment(workload)
    store.create(SERVICES, _service(workload), rfc3339(workload.revisions[0].at))
    made: list[Obj] = []
    for number, revision in enumerate(workload.revisions, 1):
        last = number == len(workload.revisions)
        container = deployment["spec"]["template"]["spec"]["containers"][0]
        container["image"] = revision.image
        deployment["metadata"]["annotations"] = {
            deployments.REVISION: str(number),
            "kubernetes.io/change-cause": revision.cause,
        }
        if number == 1:
            deployment = store.create(DEPLOYMENTS, deployment, rfc3339(revision.at))
        replicas = workload.replicas if last else 0
        replica_set = new_replica_set(deployment, number, replicas, revision.at)
        status = {"replicas": replicas, "readyReplicas": replicas, "availableReplicas": replicas}
        replica_set["status"].update(status)
        made.append(store.create(REPLICASETS, replica_set, rfc3339(revision.at)))
    _start_pods(store, workload, made[-1], workload.revisions[-1].at, now)
    deployment["metadata"]["generation"] = len(workload.revisions)
    settled_at = workload.revisions[-1].at + 30
    deployment["status"] = deployments_status(deployment, made, settled_at)
    store.replace(DEPLOYMENTS, deployment)
    _rollout_events(store, deployment, made, workload, now)


def deployments_status(deployment: Obj, made: list[Obj], at: float) -> Obj:
    """The status of a settled Deployment."""
    return deployment_status(deployment, made[-1], made, at)


def _deployment(workload: Workload) -> Obj:
    labels = {"service": workload.name, "app.kubernetes.io/name": workload.name, **workload.labels}
    container = {
        "name": workload.name,
        "image": workload.revisions[0].image,
        "ports": [{"containerPort": workload.port, "protocol": "TCP"}],
        "env": [{"name": "LOG_LEVEL", "value": "info"}],
        "resources": {
            "requests": {"cpu": "250m", "memory": "256Mi"},
            "limits": {"cpu": "1", "memory": "512Mi"},
        },
    }
    return deployments.with_defaults(
        {
            "metadata": {
                "name": workload.name,
                "namespace": workload.namespace,
                "labels": labels,
                "generation": 1,
            },
            "spec": {
                "replicas": workload.replicas,
                "selector": {"matchLabels": {"service": workload.name}},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
            },
            "status": {},
        }
    )


def _service(workload: Workload) -> Obj:
    return {
        "metadata": {
            "name": workload.name,
            "namespace": workload.namespace,
            "labels": {"service": workload.name},
        },
        "spec": {
            "type": "ClusterIP",
            "clusterIP": f"10.96.{sum(map(ord, workload.name)) % 256}.{len(workload.name) + 10}",
            "selector": {"service": workload.name},
            "ports": [{"port": 80, "targetPort": workload.port, "protocol": "TCP"}],
        },
        "status": {"loadBalancer": {}},
    }


def _start_pods(store: ObjectStore, workload: Workload, replica_set: Obj, since: float, now: float) -> None:
    """Pods come one after another over the first 45 seconds of the rollout, as a rolling update makes them."""
    for index in range(workload.replicas):
        born = min(now, since + 45 * index / max(1, workload.replicas))
        pod = store.create(PODS, new_pod(replica_set, -1 - index, born), rfc3339(born))
        store.replace(PODS, started(pod, min(now, born + 4)))


def _rollout_events(
    store: ObjectStore, deployment: Obj, made: list[Obj], workload: Workload, now: float
) -> None:
    """Events live one hour on a real cluster; older rollouts leave none."""
    at = workload.revisions[-1].at
    if now - at > 3600 or len(made) < 2:
        return
    new, old = made[-1]["metadata"]["name"], made[-2]["metadata"]["name"]
    count = workload.replicas
    texts = (
        (f"Scaled up replica set {new} from 0 to {max(1, count // 4)}", 0.0),
        (f"Scaled down replica set {old} from {count} to {max(0, count - max(1, count // 4))}", 5.0),
        (f"Scaled up replica set {new} from {max(1, count // 4)} to {count}", 25.0),
        (f"Scaled down replica set {old} from {max(0, count // 4)} to 0", 50.0),
    )
    for text, after in texts:
        record_event(store, deployment, "ScalingReplicaSet", text, min(now, at + after))
