"""Disruption budgets and evictions, as the API server and its disruption controller treat them; pure on JSON."""

import math
from collections.abc import Iterable
from typing import Any

from bot.local.cluster.kinds import Obj
from bot.local.cluster.pods import is_ready


def selects(selector: Obj | None, obj: Obj) -> bool:
    """Whether a selector picks the object; an empty one picks nothing here."""
    return bool(selector) and matches(selector or {}, obj)


def matches(selector: Obj, obj: Obj) -> bool:
    """Whether all of a selector's equalities and expressions hold; an empty one matches everything."""
    labels = obj["metadata"].get("labels") or {}
    expressions = selector.get("matchExpressions") or []
    equal = (selector.get("matchLabels") or {}).items() <= labels.items()
    return equal and all(_holds(one, labels) for one in expressions)


def _holds(expression: Obj, labels: Obj) -> bool:
    key, operator = expression["key"], expression["operator"]
    if operator in ("Exists", "DoesNotExist"):
        return (key in labels) is (operator == "Exists")
    inside = labels.get(key) in (expression.get("values") or [])
    return inside if operator == "In" else not inside


def budget_status(budget: Obj, pods: Iterable[Obj]) -> Obj:
    """The status of a budget over the namespace's pods."""
    spec = budget["spec"]
    covered = [pod for pod in pods if selects(spec.get("selector"), pod)]
    healthy, expected = sum(is_ready(pod) for pod in covered), len(covered)
    if "minAvailable" in spec:
        desired = _count(spec["minAvailable"], expected)
    else:
        desired = expected - _count(spec.get("maxUnavailable", 0), expected)
    return {
        "currentHealthy": healthy,
        "desiredHealthy": desired,
        "expectedPods": expected,
        "disruptionsAllowed": max(0, healthy - desired),
    }


def _count(value: Any, whole: int) -> int:
    if isinstance(value, str) and value.endswith("%"):
        return math.ceil(int(value[:-1]) * whole / 100)
    return int(value)
