"""Defaults, validation, the scale view and the derived objects of a Deployment; pure functions on JSON."""

import copy
import hashlib
import json
from typing import Any

from bot.local.cluster.kinds import Obj
from bot.local.cluster.status import bad_request, invalid

REVISION = "deployment.kubernetes.io/revision"
HASH_LABEL = "pod-template-hash"
# The API server's own alphabet for generated names: no vowels, no look-alikes.
_SAFE = "bcdfghjklmnpqrstvwxz2456789"


def with_defaults(deployment: Obj) -> Obj:
    """A copy with the defaults that the API server writes."""
    obj = copy.deepcopy(deployment)
    spec = obj.setdefault("spec", {})
    spec.setdefault("replicas", 1)
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)
    spec.setdefault(
        "strategy",
        {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}},
    )
    template = spec.setdefault("template", {})
    template.setdefault("metadata", {}).setdefault("creationTimestamp", None)
    pod = template.setdefault("spec", {})
    for key, value in (
        ("restartPolicy", "Always"),
        ("terminationGracePeriodSeconds", 30),
        ("dnsPolicy", "ClusterFirst"),
        ("securityContext", {}),
        ("schedulerName", "default-scheduler"),
    ):
        pod.setdefault(key, value)
    for container in pod.get("containers") or []:
        container.setdefault("resources", {})
        container.setdefault("terminationMessagePath", "/dev/termination-log")
        container.setdefault("terminationMessagePolicy", "File")
        container.setdefault("imagePullPolicy", "IfNotPresent")
    return obj


def check(deployment: Obj, previous: Obj | None) -> None:
    """Refuse what the API server refuses: 400 for wrong types, 422 for wrong values."""
    spec = deployment.get("spec")
    if not isinstance(spec, dict):
        raise bad_request("Deployment.spec: expected an object")
    check_count(spec.get("replicas"), "Deployment")
    name = deployment["metadata"]["name"]
    causes: list[tuple[str, str, str]] = []
    if spec["replicas"] < 0:
        causes.append(_negative(spec["replicas"]))
    selector = (spec.get("selector") or {}).get("matchLabels") or {}
    labels = (spec["template"].get("metadata") or {}).get("labels") or {}
    if not selector:
        causes.append(("spec.selector", "FieldValueRequired", "Required value"))
    elif any(labels.get(key) != value for key, value in selector.items()):
        shown = json.dumps(labels, separators=(",", ":"))
        text = f"Invalid value: {shown}: `selector` does not match template `labels`"
        causes.append(("spec.template.metadata.labels", "FieldValueInvalid", text))
    if previous is not None and spec.get("selector") != previous["spec"].get("selector"):
        shown = json.dumps(spec.get("selector"), separators=(",", ":"))
        causes.append(("spec.selector", "FieldValueInvalid", f"Invalid value: {shown}: field is immutable"))
    causes += _container_causes(spec["template"]["spec"].get("containers"))
    if causes:
        raise invalid("Deployment", "apps", name, causes)


def check_count(replicas: object, kind: str) -> None:
    """400 where a replica count is not a whole number."""
    if not isinstance(replicas, int) or isinstance(replicas, bool):
        raise bad_request(
            f'{kind} in version "v1" cannot be handled as a {kind}: json: cannot unmarshal '
            f"{type(replicas).__name__} into Go struct field {kind}Spec.spec.replicas of type int32"
        )


def _negative(count: int) -> tuple[str, str, str]:
    text = f"Invalid value: {count}: must be greater than or equal to 0"
    return ("spec.replicas", "FieldValueInvalid", text)


def _container_causes(containers: Any) -> list[tuple[str, str, str]]:
    where = "spec.template.spec.containers"
    if not containers:
        return [(where, "FieldValueRequired", "Required value")]
    return [
        (f"{where}[{i}].image", "FieldValueRequired", "Required value")
        for i, container in enumerate(containers)
        if not container.get("image")
    ]


def scale_of(deployment: Obj) -> Obj:
    """The autoscaling/v1 Scale view of a Deployment."""
    meta = deployment["metadata"]
    labels = deployment["spec"]["selector"]["matchLabels"]
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {
            key: meta[key]
            for key in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
            if key in meta
        },
        "spec": {"replicas": deployment["spec"]["replicas"]},
        "status": {
            "replicas": (deployment.get("status") or {}).get("replicas", 0),
            "selector": ",".join(f"{key}={value}" for key, value in sorted(labels.items())),
        },
    }


def with_scale(deployment: Obj, scale: Obj) -> Obj:
    """The Deployment with the replica count and resourceVersion of a Scale; 400 and 422 as for the real one."""
    replicas = (scale.get("spec") or {}).get("replicas", 0)
    check_count(replicas, "Scale")
    if replicas < 0:
        raise invalid("Scale", "autoscaling", deployment["metadata"]["name"], [_negative(replicas)])
    changed = copy.deepcopy(deployment)
    changed["spec"]["replicas"] = replicas
    wanted = (scale.get("metadata") or {}).get("resourceVersion")
    if wanted:
        changed["metadata"]["resourceVersion"] = wanted
    return changed


def template_hash(template: Obj) -> str:
    """A stable short name for a pod template, in the API's alphabet."""
    digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).digest()
    return "".join(_SAFE[byte % len(_SAFE)] for byte in digest[:9])


def bare_template(replica_set: Obj) -> Obj:
    """A ReplicaSet's pod template without the hash label, to compare with a Deployment's."""
    template: Obj = copy.deepcopy(replica_set["spec"]["template"])
    template["metadata"].get("labels", {}).pop(HASH_LABEL, None)
    return template


def revision_of(obj: Obj) -> int:
    """The revision annotation as a number; 0 where there is none."""
    return int((obj["metadata"].get("annotations") or {}).get(REVISION, "0"))
