"""CloudTrail's LookupEvents over the front's own records and the scene's history, which moto does not offer. Pure."""

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bot.local.world.aws.identities import ACCOUNT, CLUSTER, REGION
from bot.local.world.scene import EcsService

HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"
_ATTRIBUTES = {
    "EventId": "EventId",
    "EventName": "EventName",
    "ReadOnly": "ReadOnly",
    "Username": "Username",
    "EventSource": "EventSource",
    "AccessKeyId": "AccessKeyId",
}


@dataclass(frozen=True)
class TrailEntry:
    """One API call as the trail keeps it."""

    at: float
    service: str
    action: str
    user: str
    access_key: str
    parameters: Mapping[str, Any]
    read_only: bool
    error: str = ""


def history(services: Iterable[EcsService]) -> list[TrailEntry]:
    """The past of ECS services: a CreateService, then an UpdateService for each further count."""
    entries: list[TrailEntry] = []
    for service in services:
        for index, record in enumerate(service.history):
            base: dict[str, Any] = {"cluster": CLUSTER, "desiredCount": record.count}
            if index == 0:
                action = "CreateService"
                base |= {"serviceName": service.name, "taskDefinition": service.name}
            else:
                action = "UpdateService"
                base |= {"service": service.name}
            entries.append(
                TrailEntry(
                    record.at, "ecs", action, record.user, "AKIAAUTOMATION000001", base, read_only=False
                )
            )
    return entries


def lookup(entries: Sequence[TrailEntry], request: Mapping[str, Any]) -> dict[str, Any]:
    """The LookupEvents answer: filtered by attribute and time, newest first, paged by NextToken."""
    found = [
        _event(entry) for entry in sorted(entries, key=lambda entry: -entry.at) if _in_window(entry, request)
    ]
    for wanted in request.get("LookupAttributes") or []:
        found = [event for event in found if _has(event, wanted["AttributeKey"], wanted["AttributeValue"])]
    start = int(request.get("NextToken") or 0)
    most = min(50, int(request.get("MaxResults") or 50))
    answer: dict[str, Any] = {"Events": found[start : start + most]}
    if start + most < len(found):
        answer["NextToken"] = str(start + most)
    return answer


def _in_window(entry: TrailEntry, request: Mapping[str, Any]) -> bool:
    return float(request.get("StartTime") or 0) <= entry.at <= float(request.get("EndTime") or 1e12)


def _has(event: Mapping[str, Any], key: str, value: str) -> bool:
    if key == "ResourceName":
        return any(resource["ResourceName"].rpartition("/")[2] == value for resource in event["Resources"])
    if key == "ResourceType":
        return any(resource["ResourceType"] == value for resource in event["Resources"])
    return bool(key in _ATTRIBUTES and event[_ATTRIBUTES[key]] == value)


def _event(entry: TrailEntry) -> dict[str, Any]:
    event_id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{entry.at}/{entry.user}/{entry.action}"))
    source = f"{entry.service}.amazonaws.com"
    return {
        "EventId": event_id,
        "EventName": entry.action,
        "ReadOnly": "true" if entry.read_only else "false",
        "AccessKeyId": entry.access_key,
        "EventTime": entry.at,
        "EventSource": source,
        "Username": entry.user,
        "Resources": _resources(entry),
        "CloudTrailEvent": json.dumps(_detail(entry, event_id, source)),
    }


def _resources(entry: TrailEntry) -> list[dict[str, str]]:
    name = entry.parameters.get("service") or entry.parameters.get("serviceName")
    if entry.service != "ecs" or not name:
        return []
    return [{"ResourceType": "AWS::ECS::Service", "ResourceName": str(name).rpartition("/")[2]}]


def _told(entry: TrailEntry) -> dict[str, Any]:
    """The request as the trail tells it: the value of a parameter is nobody's business."""
    hidden = {"Value": HIDDEN} if entry.action == "PutParameter" else {}
    return {**entry.parameters, **hidden}


def _detail(entry: TrailEntry, event_id: str, source: str) -> dict[str, Any]:
    detail: dict[str, Any] = {
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "IAMUser",
            "arn": f"arn:aws:iam::{ACCOUNT}:user/{entry.user}",
            "accountId": ACCOUNT,
            "accessKeyId": entry.access_key,
            "userName": entry.user,
        },
        "eventTime": datetime.fromtimestamp(entry.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "eventSource": source,
        "eventName": entry.action,
        "awsRegion": REGION,
        "sourceIPAddress": "10.20.0.4",
        "userAgent": "aws-sdk",
        "requestParameters": _told(entry),
        "responseElements": None,
        "eventID": event_id,
        "readOnly": entry.read_only,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": ACCOUNT,
        "eventCategory": "Management",
    }
    if entry.error:
        detail |= {"errorCode": entry.error}
    return detail
