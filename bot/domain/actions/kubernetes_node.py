"""Actions on Kubernetes nodes: no new pods for it, and its pods moved elsewhere.

Live fields of `k8s.node` (scope = the word cluster): uid; unschedulable, ready = 0 or 1; pods = those that a drain
would evict (number); last_of = a workload whose last ready pod is there, empty where there is none; share = the greatest
part of one workload's ready pods that is there, in per cent; blocked_by = a disruption budget that would not let its
pods go, empty where none; other_nodes = ready nodes that take pods (number).
"""

from collections.abc import Mapping
from fractions import Fraction

from bot.domain.catalogue import Action, Live, Param, Params
from bot.domain.kube_patch import merge_patch
from bot.domain.plan import ActionClass, Target

SCOPE = "cluster"
# How long one drain may wait for pods to go; it must be over before the call's own limit.
DRAIN_TIMEOUT_S = 8
KINDS: Mapping[str, frozenset[str]] = {
    "k8s.node": frozenset({"unschedulable", "ready", "pods", "last_of", "share", "blocked_by", "other_nodes"})
}
_READS = (
    "k8s::nodes:get",
    "k8s::nodes:list",
    "k8s-wide::pods:list",
    "k8s-wide:policy:poddisruptionbudgets:list",
)


def _nowhere_else(live: Live, params: Params) -> str:
    if params["unschedulable"] == 1 and live.get("other_nodes", "0") == "0":
        return "no other ready node takes pods."
    return ""


CORDON = Action(
    id="kubectl/cordon",
    executor="kubectl",
    target_kind="k8s.node",
    klass=ActionClass.RISKY,
    params={"unschedulable": Param("integer", minimum=0, maximum=1)},
    # Not `kubectl cordon`, which ends with exit code 0 even where it failed.
    command=lambda target, params: merge_patch(
        target,
        f"node/{target.name}",
        {"spec": {"unschedulable": params["unschedulable"] == 1}},
        namespaced=False,
    ),
    inverse=lambda live, _params: {"unschedulable": int(live["unschedulable"])},
    expect=("unschedulable",),
    sets=lambda params: {"unschedulable": str(params["unschedulable"])},
    settled=lambda live, params: live["unschedulable"] == str(params["unschedulable"]),
    blast_radius=lambda _live, _params: {"nodes": 1},
    permissions=(*_READS, "k8s::nodes:patch"),
    refuses=_nowhere_else,
)


def _drain_command(target: Target, _params: Params) -> tuple[str, ...]:
    return (
        "kubectl",
        "drain",
        "--ignore-daemonsets",
        "--grace-period=-1",
        f"--timeout={DRAIN_TIMEOUT_S}s",
        "--",
        target.name,
    )


def _would_hurt(live: Live, _params: Params) -> str:
    if live.get("other_nodes", "0") == "0":
        return "no other ready node takes pods."
    if live.get("last_of"):
        return f"the last ready pod of {live['last_of']} is there."
    if live.get("blocked_by"):
        return f"the disruption budget {live['blocked_by']} does not let its pods go now."
    return ""


DRAIN = Action(
    id="kubectl/drain",
    executor="kubectl",
    target_kind="k8s.node",
    klass=ActionClass.DESTRUCTIVE,
    params={},
    command=_drain_command,
    inverse=lambda _live, _params: None,
    expect=("unschedulable",),
    sets=lambda _params: {"pods": "0"},
    settled=lambda live, _params: live["unschedulable"] == "1" and live["pods"] == "0",
    blast_radius=lambda live, _params: {"nodes": 1, "pods": int(live["pods"])},
    permissions=(
        *_READS,
        "k8s::nodes:patch",
        "k8s-wide::pods:get",
        "k8s-wide::pods/eviction:create",
        "k8s-wide:apps:daemonsets:get",
    ),
    refuses=_would_hurt,
    takes_away=lambda live, _params: Fraction(int(live["share"]), 100),
)

ACTIONS = (CORDON, DRAIN)
