"""Auto Scaling groups of a service: those with the tag `service`, or the one that bears its name."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from bot.domain.catalogue import NAME
from bot.domain.live_group import live_group
from bot.domain.live_instance import ROLE, SERVICE
from bot.domain.plan import Target
from bot.domain.price import unit_price

KIND = "autoscaling.group"
Found = Iterator[tuple[Target, Mapping[str, str]]]


def find(scaling: Any, region: str, service: str, prices: Mapping[str, float]) -> Found:
    """Each group with its live fields."""
    groups = _tagged(scaling, SERVICE, service)
    if not groups:
        answer = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[service])
        groups = answer["AutoScalingGroups"]
    return (_found(one, region, service, prices) for one in groups if _plain(one))


def declared(scaling: Any, region: str, role: str, prices: Mapping[str, float]) -> Found:
    """The groups with that role that say whose they are."""
    for one in _tagged(scaling, ROLE, role):
        service = next((tag["Value"] for tag in one.get("Tags", []) if tag["Key"] == SERVICE), "")
        if service and _plain(one):
            yield _found(one, region, service, prices)


def _tagged(scaling: Any, tag: str, value: str) -> list[Mapping[str, Any]]:
    wanted = [{"Name": f"tag:{tag}", "Values": [value]}]
    groups: list[Mapping[str, Any]] = scaling.describe_auto_scaling_groups(Filters=wanted)[
        "AutoScalingGroups"
    ]
    return groups


def _plain(group: Mapping[str, Any]) -> bool:
    return bool(re.fullmatch(NAME, group["AutoScalingGroupName"]))


def _found(
    group: Mapping[str, Any], region: str, service: str, prices: Mapping[str, float]
) -> tuple[Target, Mapping[str, str]]:
    name = group["AutoScalingGroupName"]
    live = live_group(group, unit_price(prices, KIND, name))
    return Target(KIND, name, region, live["uid"], service), live
