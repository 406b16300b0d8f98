"""Actions on single Kubernetes pods: out of their ReplicaSet, then out of service and behind the deny-all policy.

Detaching comes first: the ReplicaSet makes a replacement while the pod still serves, so that isolating it costs no
capacity. Labels are moved, not written: their old values stay on the pod, and the way back needs to know none.

Live fields of `k8s.pod` (scope = namespace): uid; node; ready, detached, isolated = 0 or 1; replaced = 1 where as
many ready pods as wanted would serve without it; serving, wanted = those two numbers; labelled = 1 where its
Deployment selects by the label `service`; protected = 1 where it has the role protected.
"""

from collections.abc import Mapping
from fractions import Fraction

from bot.domain.catalogue import Action, Live, Param, Params
from bot.domain.kube_patch import json_patch
from bot.domain.plan import ActionClass, Target
from bot.domain.share import NOTHING, lost

QUARANTINE = "watchkeeper-quarantine"
DETACHED = "watchkeeper-hash"
KINDS: Mapping[str, frozenset[str]] = {
    "k8s.pod": frozenset(
        {"node", "ready", "detached", "isolated", "replaced", "serving", "wanted", "labelled", "protected"}
    )
}
_PERMISSIONS = ("k8s::pods:get", "k8s::pods:list", "k8s::pods:patch", "k8s:apps:deployments:list")
_ON_OFF = Param("integer", minimum=0, maximum=1)


def _moved(target: Target, label: str, kept: str, *, away: bool) -> tuple[str, ...]:
    source, goal = (label, kept) if away else (kept, label)
    move = {"op": "move", "from": f"/metadata/labels/{source}", "path": f"/metadata/labels/{goal}"}
    return json_patch(target, f"pod/{target.name}", [move])


def _refuses(live: Live, _params: Params) -> str:
    if live.get("protected") == "1":
        return "it has the role protected."
    if live.get("labelled") != "1":
        return "its Deployment does not select it by the label `service`."
    return ""


def _replaced(live: Live, params: Params) -> bool:
    there = live["detached"] == str(params["detached"])
    return there and (params["detached"] == 0 or live["replaced"] == "1")


DETACH = Action(
    id="kubectl/detach-pod",
    executor="kubectl",
    target_kind="k8s.pod",
    klass=ActionClass.RISKY,
    params={"detached": _ON_OFF},
    command=lambda target, params: _moved(
        target, "pod-template-hash", DETACHED, away=params["detached"] == 1
    ),
    inverse=lambda live, _params: {"detached": int(live["detached"])},
    expect=("detached",),
    sets=lambda params: {"detached": str(params["detached"])},
    settled=_replaced,
    blast_radius=lambda _live, _params: {"replacements": 1},
    permissions=_PERMISSIONS,
    refuses=_refuses,
)


def _service_lost(live: Live, params: Params) -> Fraction:
    """Of the pods that are wanted, the part that would not serve; what earlier steps took is in it."""
    stays = params["isolated"] == 0 or live["isolated"] == "1" or live["ready"] == "0"
    return NOTHING if stays else lost(int(live["wanted"]), int(live["serving"]))


ISOLATE = Action(
    id="kubectl/isolate-pod",
    executor="kubectl",
    target_kind="k8s.pod",
    klass=ActionClass.RISKY,
    params={"isolated": _ON_OFF},
    command=lambda target, params: _moved(target, "service", QUARANTINE, away=params["isolated"] == 1),
    inverse=lambda live, _params: {"isolated": int(live["isolated"])},
    expect=("isolated",),
    sets=lambda params: {"isolated": str(params["isolated"])},
    settled=lambda live, params: live["isolated"] == str(params["isolated"]),
    blast_radius=lambda _live, _params: {"pods": 1},
    permissions=(*_PERMISSIONS, "k8s::services:list", "k8s:networking.k8s.io:networkpolicies:list"),
    refuses=_refuses,
    takes_away=_service_lost,
)

ACTIONS = (DETACH, ISOLATE)
