"""Live fields of an Auto Scaling group, from the API's own answer; reader and executor must agree on them."""

from collections.abc import Mapping
from typing import Any


def live_group(group: Mapping[str, Any], unit_price: str = "0") -> dict[str, str]:
    """The fields that `domain/actions` names for autoscaling.group; raises KeyError for an answer that is none."""
    serving = [
        one
        for one in group.get("Instances", [])
        if one.get("LifecycleState") == "InService" and one.get("HealthStatus") == "Healthy"
    ]
    suspended = {one["ProcessName"] for one in group.get("SuspendedProcesses", [])}
    return {
        "uid": str(group["AutoScalingGroupARN"]),
        "capacity": str(group["DesiredCapacity"]),
        "smallest": str(group["MinSize"]),
        "largest": str(group["MaxSize"]),
        "in_service": str(len(serving)),
        "launching": "suspended" if "Launch" in suspended else "on",
        "deleting": "yes" if group.get("Status") else "no",
        "unit_price": unit_price,
    }
