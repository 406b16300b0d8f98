"""Live fields of a node, from the API's own objects; reader and executor must agree on them."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bot.domain.live_pod import is_ready

_Obj = Mapping[str, Any]
_MIRROR = "kubernetes.io/config.mirror"


def live_node(
    node: _Obj, nodes: Sequence[_Obj], pods: Sequence[_Obj], budgets: Sequence[_Obj]
) -> dict[str, str]:
    """The fields that `domain/actions` names for k8s.node; raises KeyError for an object that is none.

    `nodes`, `pods` and `budgets` are all of the cluster.
    """
    name = node["metadata"]["name"]
    leaving = [one for one in pods if one["spec"].get("nodeName") == name and _evictable(one)]
    others = [one for one in nodes if one["metadata"]["name"] != name and _takes_pods(one)]
    return {
        "uid": node["metadata"]["uid"],
        "unschedulable": "1" if node["spec"].get("unschedulable") else "0",
        "ready": "1" if _ready(node) else "0",
        "pods": str(len(leaving)),
        "last_of": next(_last_of(leaving, pods, name), ""),
        "share": str(max(_shares(leaving, pods), default=0)),
        "blocked_by": next(_blocking(leaving, budgets), ""),
        "other_nodes": str(len(others)),
    }


def _ready(node: _Obj) -> bool:
    conditions = node.get("status", {}).get("conditions") or []
    return any(one.get("type") == "Ready" and one.get("status") == "True" for one in conditions)


def _takes_pods(node: _Obj) -> bool:
    return _ready(node) and not node["spec"].get("unschedulable")


def _evictable(pod: _Obj) -> bool:
    """What a drain evicts: no static pods, none of a DaemonSet, none that has ended."""
    owner = _owner(pod)
    static = _MIRROR in (pod["metadata"].get("annotations") or {})
    over = pod.get("status", {}).get("phase") in ("Succeeded", "Failed")
    return not static and not over and owner.get("kind") != "DaemonSet"


def _last_of(leaving: Sequence[_Obj], pods: Sequence[_Obj], node: str) -> Iterator[str]:
    elsewhere = {
        _owner(one).get("uid") for one in pods if is_ready(one) and one["spec"].get("nodeName") != node
    }
    return (
        str(_owner(one).get("name", one["metadata"]["name"]))
        for one in leaving
        if is_ready(one) and _owner(one).get("uid") not in elsewhere
    )


def _shares(leaving: Sequence[_Obj], pods: Sequence[_Obj]) -> Iterator[int]:
    """Of each workload's ready pods the part that leaves, in per cent, rounded up."""
    ready = Counter(_owner(one).get("uid") for one in pods if is_ready(one))
    going = Counter(_owner(one).get("uid") for one in leaving if is_ready(one))
    return (-(-100 * count // ready[uid]) for uid, count in going.items())


def _blocking(leaving: Sequence[_Obj], budgets: Sequence[_Obj]) -> Iterator[str]:
    for budget in budgets:
        meta = budget["metadata"]
        wanted = (budget["spec"].get("selector") or {}).get("matchLabels") or {}
        held = [
            one
            for one in leaving
            if one["metadata"].get("namespace") == meta.get("namespace")
            and wanted.items() <= (one["metadata"].get("labels") or {}).items()
        ]
        if len(held) > int(budget.get("status", {}).get("disruptionsAllowed", 0)):
            yield str(meta["name"])


def _owner(pod: _Obj) -> Mapping[str, Any]:
    owners = pod["metadata"].get("ownerReferences") or []
    return next((one for one in owners if one.get("controller")), {})
