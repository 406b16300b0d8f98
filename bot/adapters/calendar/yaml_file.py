"""Planned events from YAML: `events: [{title, start, end, services, effect}]`, times in ISO with their zone."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import yaml

from bot.domain.canonical import digest
from bot.domain.errors import Permanent
from bot.domain.telemetry import PlannedEffect, PlannedEvent


def planned(text: str, *, source: str, now: float) -> list[PlannedEvent]:
    """Every event of the file; raises Permanent naming the entry at fault."""
    try:
        data = yaml.safe_load(text)
        return [_event(one, source, now) for one in data["events"]]
    except (yaml.YAMLError, KeyError, TypeError, ValueError, RecursionError) as error:
        message = f"calendar {source}: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
        raise Permanent(message) from error


def _event(entry: Mapping[str, Any], source: str, now: float) -> PlannedEvent:
    title = str(entry["title"])[:150]
    starts_at, ends_at = _moment(entry["start"]), _moment(entry["end"])
    services = entry.get("services") or []
    if ends_at < starts_at or not isinstance(services, list):
        message = f"{title}: the end is before the start, or services is no list"
        raise ValueError(message)
    return PlannedEvent(
        digest([source, title, str(starts_at)])[:16],
        title,
        starts_at,
        ends_at,
        tuple(str(name) for name in services),
        entered_by=f"calendar {source}"[:100],
        entered_at=now,
        effect=PlannedEffect(entry.get("effect", "explain")),
    )


def _moment(given: Any) -> float:
    moment = given if isinstance(given, datetime) else datetime.fromisoformat(str(given))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
