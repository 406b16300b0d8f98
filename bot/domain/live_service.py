"""Live fields of an ECS service, from the API's own answer; reader and executor must agree on them."""

from collections.abc import Mapping
from typing import Any


def live_service(service: Mapping[str, Any], unit_price: str = "0") -> dict[str, str]:
    """The fields that `domain/actions` names for ecs.service; raises KeyError for an answer that is none.

    A service recreated under its name keeps its ARN, so that its creation time is part of its identity; an
    endpoint that does not tell the time gives 0.
    """
    created = service.get("createdAt")
    definition = str(service["taskDefinition"])
    return {
        "uid": f"{service['serviceArn']}@{int(created.timestamp()) if created else 0}",
        "status": str(service["status"]),
        "desired_count": str(service["desiredCount"]),
        "running_count": str(service["runningCount"]),
        "task_definition": definition,
        "revision": revision_of(definition),
        "controller": str(service.get("deploymentController", {}).get("type", "ECS")),
        "rollout": _rollout(service),
        "unit_price": unit_price,
    }


def revision_of(task_definition: str) -> str:
    """FAMILY:REVISION of a task definition's ARN."""
    return task_definition.rpartition("/")[2]


def _rollout(service: Mapping[str, Any]) -> str:
    """State of the newest deployment, as `REVISION COMPLETED`; only its own words say that a rollout is over."""
    for one in service.get("deployments", []):
        if one.get("status") == "PRIMARY":
            return f"{revision_of(str(one['taskDefinition']))} {one.get('rolloutState', 'UNKNOWN')}"
    return ""
