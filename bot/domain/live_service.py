"""Live fields of an ECS service, from the API's own answer; reader and executor must agree on them."""

from collections.abc import Mapping
from typing import Any


def live_service(service: Mapping[str, Any]) -> dict[str, str]:
    """The fields that `domain/actions` names for ecs.service; raises KeyError for an answer that is none.

    A service recreated under its name keeps its ARN, so that its creation time is part of its identity; an
    endpoint that does not tell the time gives 0.
    """
    created = service.get("createdAt")
    return {
        "uid": f"{service['serviceArn']}@{int(created.timestamp()) if created else 0}",
        "status": str(service["status"]),
        "desired_count": str(service["desiredCount"]),
        "running_count": str(service["runningCount"]),
        "task_definition": str(service["taskDefinition"]),
    }
