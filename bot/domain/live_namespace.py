"""Live fields of a namespace as seen from ours, from the API's own objects; reader and executor must agree on them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.domain.actions.kubernetes_network import NAME_LABEL, denying_name, denying_spec, quarantine_spec
from bot.domain.actions.kubernetes_pod import QUARANTINE
from bot.domain.kube_patch import PROTECTED, ROLE_LABEL

_Obj = Mapping[str, Any]
_OPEN = ("LoadBalancer", "NodePort")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What lies in our own namespace, and which namespaces operators protect by name."""

    namespace: str
    policies: Sequence[_Obj]
    pods: Sequence[_Obj]
    services: Sequence[_Obj]
    protected: Collection[str]


def live_namespace(namespace: _Obj, here: Surroundings) -> dict[str, str]:
    """The fields that `domain/actions` names for k8s.namespace; raises KeyError for an object that is none."""
    name, labels = namespace["metadata"]["name"], namespace["metadata"].get("labels") or {}
    protected = name in (here.namespace, *here.protected) or labels.get(ROLE_LABEL) == PROTECTED
    ours = {QUARANTINE: quarantine_spec(), denying_name(name): denying_spec(name)}
    standing = {one["metadata"]["name"]: one["spec"] for one in here.policies}
    others = [one for one in here.policies if one["metadata"]["name"] not in ours and _for_ingress(one)]
    return {
        "uid": namespace["metadata"]["uid"],
        "protected": "1" if protected else "0",
        "named": "1" if labels.get(NAME_LABEL) == name else "0",
        "quarantine_policy": "1" if standing.get(QUARANTINE) == ours[QUARANTINE] else "0",
        "denied": "1" if standing.get(denying_name(name)) == ours[denying_name(name)] else "0",
        "quarantined_pods": str(sum(QUARANTINE in (_labels(one)) for one in here.pods)),
        "pods": str(sum(_labels(one).get(ROLE_LABEL) != PROTECTED for one in here.pods)),
        "other_policies": str(len(others)),
        "open_services": str(sum(one["spec"].get("type") in _OPEN for one in here.services)),
    }


def _for_ingress(policy: _Obj) -> bool:
    return "Ingress" in (policy["spec"].get("policyTypes") or ["Ingress"])


def _labels(thing: _Obj) -> Mapping[str, str]:
    return thing["metadata"].get("labels") or {}
