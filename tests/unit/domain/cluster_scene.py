"""A small healthy cluster as the API's own objects, for tests that break one thing in it."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bot.domain.diagnosis.cluster.finding import Finding
from bot.domain.diagnosis.cluster.judge import findings
from bot.domain.diagnosis.cluster.read_objects import cluster_state
from bot.domain.diagnosis.cluster.state import ClusterState, LogSample

Obj = dict[str, Any]
NAMESPACE = "prod"
NODES = ("node-a", "node-b", "node-c")
CALLS = {"web": ("orders", "search"), "orders": ("ledger",), "search": ("ledger",), "billing": ("ledger",)}
PORTS = {"web": 8080, "orders": 7000, "search": 7100, "billing": 7200, "ledger": 3306}
READ = ("Endpoints", "PersistentVolumeClaim", "StorageClass", "ServiceAccount")


class Scene:
    """The objects of a healthy shop by kind and name; change them, then ask what is wrong."""

    def __init__(self) -> None:
        self.objects: dict[str, Obj] = {}
        self.events: list[Obj] = []
        self.more: dict[str, Any] = {"calls": CALLS}
        self.read = set(READ)
        for name in PORTS:
            self._add(name)
        self._put("PersistentVolume", "disk", {"capacity": {"storage": "10Gi"}, "accessModes": ["ReadWriteOnce"],
                  "storageClassName": "", "claimRef": {"namespace": NAMESPACE, "name": "data"}}, {"phase": "Bound"})  # fmt: skip
        self._put("PersistentVolumeClaim", "data", {"resources": {"requests": {"storage": "10Gi"}}, "volumeName": "disk",
                  "accessModes": ["ReadWriteOnce"], "storageClassName": ""}, {"phase": "Bound"})  # fmt: skip
        self.of("Deployment", "ledger")["spec"]["template"]["spec"]["volumes"] = [
            {"persistentVolumeClaim": {"claimName": "data"}}
        ]
        self._put(
            "Node",
            "control",
            {"unschedulable": True, "taints": []},
            {},
            labels={"node-role.kubernetes.io/control-plane": ""},
        )
        for name in NODES:
            ready = [{"type": "Ready", "status": "True", "reason": "KubeletReady"}]
            self._put("Node", name, {}, {"conditions": ready}, labels={"kubernetes.io/hostname": name})

    def _put(
        self, kind: str, name: str, spec: Obj, status: Obj, labels: Mapping[str, str] | None = None
    ) -> Obj:
        meta: Obj = {"name": name, "labels": dict(labels or {})}
        one: Obj = {"kind": kind, "metadata": meta, "spec": spec, "status": status}
        self.objects[f"{kind}/{name}"] = one
        return one

    def _add(self, name: str) -> None:
        port, labels = PORTS[name], {"app": name}
        env = [
            {"name": f"{callee.upper()}_SERVICE_ADDR", "value": f"{callee}:{PORTS[callee]}"}
            for callee in CALLS.get(name, ())
        ]
        container = {
            "name": "main", "image": "mysql:8" if name == "ledger" else f"registry.test/shop/{name}:1.2",
            "ports": [{"containerPort": port}], "env": env,
            "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}},
            "readinessProbe": {"tcpSocket": {"port": port}, "periodSeconds": 5},
            "livenessProbe": {"tcpSocket": {"port": port}, "periodSeconds": 10, "initialDelaySeconds": 20},
        }  # fmt: skip
        spec = {"containers": [container], "serviceAccountName": name}
        template = {"metadata": {"labels": labels}, "spec": spec}
        self._put(
            "Deployment", name, {"replicas": 1, "template": template}, {"replicas": 1, "readyReplicas": 1}
        )
        rs = self._put("ReplicaSet", f"{name}-5d9", {"replicas": 1}, {"replicas": 1})
        rs["metadata"]["ownerReferences"] = [{"kind": "Deployment", "name": name}]
        pod = self._put(
            "Pod",
            f"{name}-5d9-x1",
            {**copy.deepcopy(spec), "nodeName": NODES[len(self.objects) % 3]},
            {},
            labels,
        )
        pod["metadata"]["ownerReferences"] = [{"kind": "ReplicaSet", "name": f"{name}-5d9"}]
        pod["status"] = {
            "phase": "Running", "podIP": f"10.0.0.{len(self.objects)}",
            "conditions": [{"type": "Ready", "status": "True"}, {"type": "PodScheduled", "status": "True"}],
            "containerStatuses": [{"name": "main", "ready": True, "restartCount": 0, "state": {"running": {}}}],
        }  # fmt: skip
        self._put("Service", name, {"selector": labels, "ports": [{"port": port, "targetPort": port}]}, {})
        self._put("Endpoints", name, {}, {})["subsets"] = [{"addresses": [{"ip": pod["status"]["podIP"]}]}]
        self._put("ServiceAccount", name, {}, {})

    def of(self, kind: str, name: str) -> Obj:
        return self.objects[f"{kind}/{name}"]

    def pod(self, name: str) -> Obj:
        return self.of("Pod", f"{name}-5d9-x1")

    def container(self, name: str) -> Sequence[Obj]:
        """A workload's first container, in its template and in its pod."""
        template = self.of("Deployment", name)["spec"]["template"]["spec"]["containers"][0]
        return template, self.pod(name)["spec"]["containers"][0]

    def specs(self, name: str) -> Sequence[Obj]:
        return self.of("Deployment", name)["spec"]["template"]["spec"], self.pod(name)["spec"]

    def say(self, about: str, reason: str, message: str, *, warning: bool = True) -> None:
        kind, _, name = about.partition("/")
        self.events.append(
            {"kind": "Event", "type": "Warning" if warning else "Normal", "reason": reason, "message": message,
             "involvedObject": {"kind": kind, "name": name}, "count": 4, "lastTimestamp": "2026-01-01T00:00:00Z"}
        )  # fmt: skip

    def status(self, name: str, **fields: Any) -> None:
        """What the kubelet says of the container of a pod that is not ready."""
        status = self.pod(name)["status"]
        status["containerStatuses"] = [{"name": "main", "ready": False, "restartCount": 0, **fields}]
        status["conditions"][0]["status"] = "False"
        self.of("Deployment", name)["status"]["readyReplicas"] = 0
        self.of("Endpoints", name)["subsets"] = []

    def waiting(self, name: str, reason: str, message: str = "") -> None:
        self.status(name, state={"waiting": {"reason": reason, "message": message}})
        self.pod(name)["status"]["phase"] = "Pending"

    def unplaced(self, name: str, message: str) -> None:
        """A pod that the scheduler refuses."""
        pod = self.pod(name)
        pod["spec"].pop("nodeName", None)
        pod["status"] = {"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False"}]}
        self.of("Deployment", name)["status"]["readyReplicas"] = 0
        self.of("Endpoints", name)["subsets"] = []
        if message:
            self.say(f"Pod/{name}-5d9-x1", "FailedScheduling", f"0/4 nodes are available: {message}")

    def never_made(self, name: str, message: str) -> None:
        """A pod that the API server refuses."""
        del self.objects[f"Pod/{name}-5d9-x1"]
        self.of("Deployment", name)["status"] = {"replicas": 0, "readyReplicas": 0}
        self.of("ReplicaSet", f"{name}-5d9")["status"] = {"replicas": 0}
        self.of("Endpoints", name)["subsets"] = []
        self.say(f"ReplicaSet/{name}-5d9", "FailedCreate", message)

    def logs(self, name: str, text: str, count: int = 30, share: float = 0.3) -> None:
        self.more["logs"] = (*self.more.get("logs", ()), LogSample(name, text, count, share))

    def state(self) -> ClusterState:
        objects = [*self.objects.values(), *self.events]
        return replace(cluster_state(objects, NAMESPACE, 1_767_225_660.0, self.read), **self.more)

    def found(self) -> tuple[Finding, ...]:
        return findings(self.state())


def scene(*breaks: Callable[[Scene], None]) -> Scene:
    """A healthy cluster with these things broken."""
    made = Scene()
    for one in breaks:
        one(made)
    return made
