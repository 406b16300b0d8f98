"""Listener rules of a service: those of Application Load Balancers that carry the tag `service`."""

from collections.abc import Iterator, Mapping
from typing import Any

from bot.domain.live_instance import SERVICE
from bot.domain.live_rule import forward_of, live_rule, rule_name
from bot.domain.plan import Target

KIND = "elbv2.rule"
# DescribeTags takes no more at once.
_AT_ONCE = 20


def find(balancing: Any, region: str, service: str) -> Iterator[tuple[Target, Mapping[str, str]]]:
    """Each tagged rule that is no default rule, with its live fields."""
    wanted = {"Key": SERVICE, "Value": service}
    rules = [rule for listener in _listeners(balancing) for rule in _rules(balancing, listener)]
    for start in range(0, len(rules), _AT_ONCE):
        some = {rule["RuleArn"]: rule for rule in rules[start : start + _AT_ONCE]}
        described = balancing.describe_tags(ResourceArns=list(some))["TagDescriptions"]
        for one in described:
            if wanted in one["Tags"]:
                yield _found(balancing, some[one["ResourceArn"]], region, service)


def _listeners(balancing: Any) -> Iterator[str]:
    for page in balancing.get_paginator("describe_load_balancers").paginate():
        for balancer in page["LoadBalancers"]:
            if balancer.get("Type", "application") == "application":
                answer = balancing.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])
                yield from (one["ListenerArn"] for one in answer["Listeners"])


def _rules(balancing: Any, listener: str) -> list[Mapping[str, Any]]:
    answer = balancing.describe_rules(ListenerArn=listener)
    return [rule for rule in answer["Rules"] if not rule.get("IsDefault")]


def _found(
    balancing: Any, rule: Mapping[str, Any], region: str, service: str
) -> tuple[Target, Mapping[str, str]]:
    health = {
        one["TargetGroupArn"]: [
            target["TargetHealth"]["State"]
            for target in balancing.describe_target_health(TargetGroupArn=one["TargetGroupArn"])[
                "TargetHealthDescriptions"
            ]
        ]
        for one in forward_of(rule)
    }
    live = live_rule(rule, health)
    return Target(KIND, rule_name(live["uid"]), region, live["uid"], service), live
