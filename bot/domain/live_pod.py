"""Live fields of a pod of a service, from the API's own objects; reader and executor must agree on them."""

from collections.abc import Mapping, Sequence
from typing import Any

from bot.domain.actions.kubernetes_pod import DETACHED, QUARANTINE
from bot.domain.kube_patch import PROTECTED, ROLE_LABEL

_Obj = Mapping[str, Any]
_HASH = "pod-template-hash"


def live_pod(pod: _Obj, peers: Sequence[_Obj], deployments: Sequence[_Obj]) -> dict[str, str]:
    """The fields that `domain/actions` names for k8s.pod; raises KeyError for an object that is none.

    `peers` are the pods that carry the service's label, the pod itself among them or not; `deployments` are those of
    the service.
    """
    labels = _labels(pod)
    serving = [one for one in peers if _HASH in _labels(one) and is_ready(one)]
    serving = [one for one in serving if one["metadata"]["uid"] != pod["metadata"]["uid"]]
    wanted = sum(int(one["spec"].get("replicas", 1)) for one in deployments)
    selectors = [one["spec"]["selector"].get("matchLabels") or {} for one in deployments]
    return {
        "uid": pod["metadata"]["uid"],
        "node": str(pod["spec"].get("nodeName", "")),
        "ready": _flag(is_ready(pod)),
        "detached": _flag(DETACHED in labels),
        "isolated": _flag(QUARANTINE in labels),
        "replaced": _flag(bool(deployments) and len(serving) >= wanted),
        "serving": str(len(serving)),
        "wanted": str(wanted),
        "labelled": _flag(bool(selectors) and all("service" in one for one in selectors)),
        "protected": _flag(labels.get(ROLE_LABEL) == PROTECTED),
    }


def of_deployment(pod: _Obj) -> bool:
    """Whether the pod was made for a Deployment, even where it was detached since."""
    return bool({_HASH, DETACHED} & set(_labels(pod)))


def is_ready(pod: _Obj) -> bool:
    """Whether the pod's Ready condition is true and it is not going away."""
    conditions = pod.get("status", {}).get("conditions") or []
    ready = any(one.get("type") == "Ready" and one.get("status") == "True" for one in conditions)
    return ready and "deletionTimestamp" not in pod["metadata"]


def _labels(thing: _Obj) -> Mapping[str, str]:
    return thing["metadata"].get("labels") or {}


def _flag(holds: bool) -> str:
    return "1" if holds else "0"
