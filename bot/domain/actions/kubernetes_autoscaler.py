"""Actions on Kubernetes HorizontalPodAutoscalers.

Live fields of `k8s.hpa` (scope = namespace): uid; min_replicas, max_replicas, current_replicas (numbers); scales =
TYPE/NAME of what it scales, in small letters; unit_price = of one pod (domain/price).
"""

from collections.abc import Mapping

from bot.domain.catalogue import Action, Live, Param, Params
from bot.domain.kube_patch import merge_patch
from bot.domain.plan import ActionClass, Target
from bot.domain.price import added_cost
from bot.domain.share import fewer

KINDS: Mapping[str, frozenset[str]] = {
    "k8s.hpa": frozenset({"min_replicas", "max_replicas", "current_replicas", "scales", "unit_price"})
}


def _command(target: Target, params: Params) -> tuple[str, ...]:
    bounds = {"minReplicas": params["min_replicas"], "maxReplicas": params["max_replicas"]}
    return merge_patch(target, f"horizontalpodautoscalers.v1.autoscaling/{target.name}", {"spec": bounds})


def _inverse(live: Live, _params: Params) -> Params | None:
    return {"min_replicas": int(live["min_replicas"]), "max_replicas": int(live["max_replicas"])}


def _bounds(params: Params) -> Mapping[str, str]:
    return {"min_replicas": str(params["min_replicas"]), "max_replicas": str(params["max_replicas"])}


def _radius(live: Live, params: Params) -> Mapping[str, int]:
    """At most: as many pods more as the autoscaler may now make beyond what it could before, or must make now."""
    higher = int(params["max_replicas"]) - int(live["max_replicas"])
    forced = int(params["min_replicas"]) - int(live["current_replicas"])
    more = max(higher, forced)
    return {"autoscalers": 1, "pods": max(more, 0), **added_cost(live, more)}


def _refuses(_live: Live, params: Params) -> str:
    if int(params["min_replicas"]) > int(params["max_replicas"]):
        return "the lower bound would be above the upper one."
    return ""


SET_BOUNDS = Action(
    id="kubectl/set-hpa-bounds",
    executor="kubectl",
    target_kind="k8s.hpa",
    klass=ActionClass.RISKY,
    params={
        "min_replicas": Param("integer", minimum=1, maximum=100),
        "max_replicas": Param("integer", minimum=1, maximum=200),
    },
    command=_command,
    inverse=_inverse,
    expect=("min_replicas", "max_replicas"),
    sets=_bounds,
    settled=lambda live, params: _bounds(params).items() <= live.items(),
    blast_radius=_radius,
    permissions=(
        "k8s:autoscaling:horizontalpodautoscalers:get",
        "k8s:autoscaling:horizontalpodautoscalers:patch",
    ),
    refuses=_refuses,
    takes_away=fewer("max_replicas", "max_replicas"),
)

ACTIONS = (SET_BOUNDS,)
