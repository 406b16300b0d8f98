"""CloudTrail's answers as changes of parameters, aliases, configurations and groups. Parsing only, no calls."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from bot.domain.telemetry import Change, ChangeKind

_Asked = Mapping[str, Any]


def _parameter(asked: _Asked, answered: _Asked) -> tuple[str, str, str]:
    name, version = str(asked["name"]), int(answered["version"])
    return name.strip("/").split("/")[0], f"parameter {name}", f"version {version}"


def _alias(asked: _Asked, _answered: _Asked) -> tuple[str, str, str]:
    function = str(asked["functionName"]).rpartition(":function:")[2].split(":")[0]
    return function, f"alias {asked['name']}", f"version {asked['functionVersion']}"


def _configuration(asked: _Asked, _answered: _Asked) -> tuple[str, str, str]:
    profile = str(asked["configurationProfileId"])
    return str(asked["applicationId"]), f"configuration {profile}", f"version {asked['configurationVersion']}"


def _capacity(asked: _Asked, _answered: _Asked) -> tuple[str, str, str]:
    group = str(asked["autoScalingGroupName"])
    return group, f"group {group}", f"capacity {asked['desiredCapacity']}"


# Event name -> what kind of change it is and how its service, object and new state are read.
_READERS: Mapping[str, tuple[ChangeKind, Callable[[_Asked, _Asked], tuple[str, str, str]]]] = {
    "PutParameter": (ChangeKind.CONFIG, _parameter),
    "UpdateAlias20150331": (ChangeKind.DEPLOY, _alias),
    "StartDeployment": (ChangeKind.CONFIG, _configuration),
    "SetDesiredCapacity": (ChangeKind.SCALE, _capacity),
}
EVENTS = tuple(sorted(_READERS))


def resource_changes(
    events: Iterable[Mapping[str, Any]], services: Sequence[str], applications: Mapping[str, str]
) -> list[Change]:
    """Changes of these services, oldest first; `applications` are names by AppConfig id.

    What an object was before is told by the event before; where that is not known, `before` is empty. Refused calls
    and foreign shapes are left out.
    """
    before: dict[tuple[str, str], str] = {}
    changes = []
    for event in sorted(events, key=lambda one: _unix(one.get("EventTime", 0))):
        read = _read(event)
        if read is None:
            continue
        kind, owner, thing, state = read
        service = applications.get(owner, owner)
        if service in services and before.get((service, thing)) != state:
            changes.append(
                Change(
                    service,
                    kind,
                    _unix(event["EventTime"]),
                    f"{thing} set to {state}",
                    before.get((service, thing), ""),
                    state,
                    actor=str(event.get("Username", "")),
                )
            )
        before[(service, thing)] = state
    return changes


def _read(event: Mapping[str, Any]) -> tuple[ChangeKind, str, str, str] | None:
    if event.get("EventName") not in _READERS:
        return None
    kind, reader = _READERS[event["EventName"]]
    try:
        detail = json.loads(event["CloudTrailEvent"])
        if detail.get("errorCode"):
            return None
        owner, thing, state = reader(detail["requestParameters"], detail.get("responseElements") or {})
    except (KeyError, ValueError, TypeError, AttributeError):
        return None
    return kind, owner, thing, state


def _unix(value: datetime | float) -> float:
    return value.timestamp() if isinstance(value, datetime) else float(value)
