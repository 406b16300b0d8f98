"""Actions with NetworkPolicies: the deny-all policy of the quarantine, and a namespace kept out of ours.

Target is a namespace; the policy lies in `scope`, the one namespace in which the product may write. Policies add up
and only ever allow, so that keeping a namespace out is refused where another policy could let it in, or where
something outside the cluster would be cut as well. Both hold only where the cluster's network plugin enforces them.

Live fields of `k8s.namespace`: uid; protected = 1 where nothing may cut it off; named = 1 where it carries its name
as label kubernetes.io/metadata.name; quarantine_policy, denied = 1 where that policy is in place as we write it;
quarantined_pods, pods (numbers, in `scope`); other_policies = NetworkPolicies of others for ingress, open_services =
Services for callers outside the cluster (numbers, in `scope`).
"""

import json
from collections.abc import Mapping
from typing import Any

from bot.domain.actions.kubernetes_pod import QUARANTINE
from bot.domain.catalogue import Action, Live, Param, Params
from bot.domain.kube_patch import PROTECTED, ROLE_LABEL
from bot.domain.plan import ActionClass, Target

KINDS: Mapping[str, frozenset[str]] = {
    "k8s.namespace": frozenset(
        {"protected", "named", "quarantine_policy", "denied", "quarantined_pods", "pods"}
        | {"other_policies", "open_services"}
    )
}
NAME_LABEL = "kubernetes.io/metadata.name"
_ON_OFF = Param("integer", minimum=0, maximum=1)
_POLICIES = "k8s:networking.k8s.io:networkpolicies"
_PERMISSIONS = (
    *(f"{_POLICIES}:{verb}" for verb in ("get", "list", "create", "patch", "delete")),
    "k8s::namespaces:get",
    "k8s::pods:list",
    "k8s::services:list",
)


def quarantine_spec() -> dict[str, Any]:
    """Deny-all for every pod that carries the quarantine label."""
    selector = {"matchExpressions": [{"key": QUARANTINE, "operator": "Exists"}]}
    return {"podSelector": selector, "policyTypes": ["Ingress", "Egress"]}


def denying_spec(namespace: str) -> dict[str, Any]:
    """Ingress from every namespace but one, for every pod that has not the role protected."""
    others = {"matchExpressions": [{"key": NAME_LABEL, "operator": "NotIn", "values": [namespace]}]}
    pods = {"matchExpressions": [{"key": ROLE_LABEL, "operator": "NotIn", "values": [PROTECTED]}]}
    return {
        "podSelector": pods,
        "policyTypes": ["Ingress"],
        "ingress": [{"from": [{"namespaceSelector": others}]}],
    }


def denying_name(namespace: str) -> str:
    """The name of the policy that keeps a namespace out."""
    return f"watchkeeper-deny-{namespace}"


def _command(target: Target, name: str, *, there: bool) -> tuple[str, ...]:
    flag = f"--namespace={target.scope}"
    if there:
        return ("kubectl", flag, "apply", "--validate=false", "--filename=-")
    return ("kubectl", flag, "delete", "--ignore-not-found", "--wait=false", "--", f"networkpolicy/{name}")


def _manifest(target: Target, name: str, spec: Mapping[str, Any], *, there: bool) -> str:
    if not there:
        return ""
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": target.scope},
        "spec": spec,
    }
    return json.dumps(policy, sort_keys=True, separators=(",", ":"))


def _still_needed(live: Live, params: Params) -> str:
    if params["present"] == 0 and live.get("quarantined_pods", "0") != "0":
        return "pods are still in quarantine behind this policy."
    return ""


QUARANTINE_POLICY = Action(
    id="kubectl/quarantine-policy",
    executor="kubectl",
    target_kind="k8s.namespace",
    klass=ActionClass.SAFE,
    params={"present": _ON_OFF},
    command=lambda target, params: _command(target, QUARANTINE, there=params["present"] == 1),
    manifest=lambda target, params: _manifest(
        target, QUARANTINE, quarantine_spec(), there=params["present"] == 1
    ),
    inverse=lambda live, _params: {"present": int(live["quarantine_policy"])},
    expect=("quarantine_policy",),
    sets=lambda params: {"quarantine_policy": str(params["present"])},
    settled=lambda live, params: live["quarantine_policy"] == str(params["present"]),
    # The policy picks only pods in quarantine, which the step that puts them there counts.
    blast_radius=lambda _live, _params: {"policies": 1},
    permissions=_PERMISSIONS,
    refuses=_still_needed,
)


def _would_cut_more(live: Live, params: Params) -> str:
    if params["denied"] == 0:
        return ""
    reasons = (
        (live.get("protected") != "0", "it is protected: nothing may cut it off."),
        (live.get("named") != "1", f"it does not carry its name as label {NAME_LABEL}."),
        (
            live.get("other_policies") != "0",
            "other NetworkPolicies stand here; together they would mean more.",
        ),
        (live.get("open_services") != "0", "callers outside the cluster would be cut off as well."),
    )
    return next((words for holds, words in reasons if holds), "")


DENY_NAMESPACE = Action(
    id="kubectl/deny-namespace",
    executor="kubectl",
    target_kind="k8s.namespace",
    klass=ActionClass.RISKY,
    params={"denied": _ON_OFF},
    command=lambda target, params: _command(target, denying_name(target.name), there=params["denied"] == 1),
    manifest=lambda target, params: _manifest(
        target, denying_name(target.name), denying_spec(target.name), there=params["denied"] == 1
    ),
    inverse=lambda live, _params: {"denied": int(live["denied"])},
    expect=("denied",),
    sets=lambda params: {"denied": str(params["denied"])},
    settled=lambda live, params: live["denied"] == str(params["denied"]),
    blast_radius=lambda live, _params: {"namespaces": 1, "pods": int(live["pods"])},
    permissions=_PERMISSIONS,
    refuses=_would_cut_more,
)

ACTIONS = (QUARANTINE_POLICY, DENY_NAMESPACE)
