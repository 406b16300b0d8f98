"""Pods and ReplicaSets as a controller, scheduler and kubelet would write them; pure functions on JSON."""

import copy
import hashlib
from typing import Any

from bot.local.cluster.deployments import HASH_LABEL, REVISION, template_hash
from bot.local.cluster.kinds import Obj, rfc3339

NODE_NAMES = tuple(f"node-{number}" for number in range(1, 7))
_SAFE = "bcdfghjklmnpqrstvwxz2456789"


def new_replica_set(deployment: Obj, revision: int, replicas: int, created_at: float) -> Obj:
    """The ReplicaSet of a Deployment's present template, owned by it."""
    template = copy.deepcopy(deployment["spec"]["template"])
    short = template_hash(template)
    labels = {**template["metadata"].get("labels", {}), HASH_LABEL: short}
    template["metadata"]["labels"] = labels
    kept = deployment["metadata"].get("annotations") or {}
    annotations = {key: value for key, value in kept.items() if not key.startswith("kubectl.kubernetes.io/")}
    return {
        "metadata": {
            "name": f"{deployment['metadata']['name']}-{short}",
            "namespace": deployment["metadata"]["namespace"],
            "labels": labels,
            "annotations": {
                **annotations,
                REVISION: str(revision),
                "deployment.kubernetes.io/desired-replicas": str(deployment["spec"]["replicas"]),
            },
            "creationTimestamp": rfc3339(created_at),
            "generation": 1,
            "ownerReferences": [owner_of(deployment)],
        },
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {**deployment["spec"]["selector"]["matchLabels"], HASH_LABEL: short}},
            "template": template,
        },
        "status": {"replicas": 0, "observedGeneration": 1},
    }


def new_pod(replica_set: Obj, serial: int, created_at: float) -> Obj:
    """A Pending pod of a ReplicaSet, bound to a node; `serial` makes its name unique."""
    template = copy.deepcopy(replica_set["spec"]["template"])
    base = replica_set["metadata"]["name"]
    digest = hashlib.sha256(f"{base}/{serial}".encode()).digest()
    name = base + "-" + "".join(_SAFE[byte % len(_SAFE)] for byte in digest[:5])
    return {
        "metadata": {
            "name": name,
            "generateName": base + "-",
            "namespace": replica_set["metadata"]["namespace"],
            "labels": template["metadata"]["labels"],
            "creationTimestamp": rfc3339(created_at),
            "ownerReferences": [owner_of(replica_set)],
        },
        "spec": {**template["spec"], "nodeName": NODE_NAMES[digest[6] % len(NODE_NAMES)]},
        "status": {
            "phase": "Pending",
            "conditions": [
                {"type": "PodScheduled", "status": "True", "lastTransitionTime": rfc3339(created_at)}
            ],
            "hostIP": f"10.20.0.{10 + digest[6] % len(NODE_NAMES)}",
            "podIP": f"10.30.{digest[7]}.{1 + digest[8] % 254}",
            "qosClass": "Burstable",
            "startTime": rfc3339(created_at),
        },
    }


def owner_of(owner: Obj) -> dict[str, Any]:
    """The owner reference to an object."""
    return {
        "apiVersion": "apps/v1",
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def never_starts(pod: Obj) -> bool:
    """Whether the image cannot be pulled: by convention of this world, one whose tag is `bad`."""
    return any(str(c["image"]).endswith(":bad") for c in pod["spec"]["containers"])


def started(pod: Obj, at: float) -> Obj:
    """The pod as Running and Ready since `at`, or waiting where its image cannot be pulled."""
    pod = copy.deepcopy(pod)
    ready = not never_starts(pod)
    pod["status"]["phase"] = "Running" if ready else "Pending"
    since = rfc3339(at)
    truth = "True" if ready else "False"
    pod["status"]["conditions"] = [
        {"type": "Initialized", "status": "True", "lastTransitionTime": since},
        {"type": "Ready", "status": truth, "lastTransitionTime": since},
        {"type": "ContainersReady", "status": truth, "lastTransitionTime": since},
        {
            "type": "PodScheduled",
            "status": "True",
            "lastTransitionTime": pod["metadata"]["creationTimestamp"],
        },
    ]
    state: Obj = {"running": {"startedAt": since}}
    if not ready:
        state = {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}
    pod["status"]["containerStatuses"] = [
        {
            "name": container["name"],
            "image": container["image"],
            "imageID": f"registry/{container['image']}",
            "containerID": f"containerd://{pod['metadata']['uid'].replace('-', '')}",
            "ready": ready,
            "started": ready,
            "restartCount": 0,
            "state": state,
            "lastState": {},
        }
        for container in pod["spec"]["containers"]
    ]
    return pod


def is_ready(pod: Obj) -> bool:
    """Whether the pod's Ready condition is true."""
    conditions = pod["status"].get("conditions") or []
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def was_seen_by_kubelet(pod: Obj) -> bool:
    """Whether the kubelet has started the pod's containers or given up on them."""
    return bool(pod["status"].get("containerStatuses"))
