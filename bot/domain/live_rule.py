"""Live fields of a load balancer's listener rule that forwards to two target groups, from the API's own answers."""

from collections.abc import Mapping, Sequence
from typing import Any

_Answer = Mapping[str, Any]
RULE = r"app/[A-Za-z0-9-]{1,32}(?:/[0-9a-f]{8,32}){3}"


def rule_name(arn: str) -> str:
    """What follows `listener-rule/` in a rule's ARN: load balancer, listener and rule, each with its id."""
    return arn.partition(":listener-rule/")[2]


def forward_of(rule: _Answer) -> list[_Answer]:
    """The weighted target groups of the rule's one forward action; empty where it has none or several."""
    forwards = [one for one in rule.get("Actions", []) if one.get("Type") == "forward"]
    if len(forwards) != 1:
        return []
    return list(forwards[0].get("ForwardConfig", {}).get("TargetGroups", []))


def group_name(arn: str) -> str:
    """Name of a target group by its ARN."""
    parts = arn.partition(":targetgroup/")[2].split("/")
    return parts[0]


def live_rule(rule: _Answer, health: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The fields that `domain/actions` names for elbv2.rule. `health` is the states of targets by group ARN.

    The first group is the one that comes first in the alphabet, since AWS promises no order.
    """
    groups = sorted(forward_of(rule), key=lambda one: str(one["TargetGroupArn"]))
    live = {"uid": str(rule["RuleArn"]), "groups": str(len(groups))}
    if len(groups) != 2:
        return live
    for place, one in zip(("first", "second"), groups, strict=True):
        states = health[one["TargetGroupArn"]]
        live[f"{place}_group"] = group_name(str(one["TargetGroupArn"]))
        live[f"{place}_weight"] = str(one.get("Weight", 1))
        live[f"{place}_healthy"] = str(sum(state == "healthy" for state in states))
        live[f"{place}_targets"] = str(len(states))
    return live
