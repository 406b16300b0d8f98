"""CloudTrail's answers as typed records: who set which absolute ECS state, and when. Parsing only, no calls."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.domain.telemetry import Change, ChangeKind


@dataclass(frozen=True, slots=True)
class EcsRecord:
    """One accepted CreateService or UpdateService; `count` or `task_definition` is None where it was not set."""

    service: str
    cluster: str
    at: float
    actor: str
    count: int | None
    task_definition: str | None


def records_of(events: Iterable[Mapping[str, Any]], cluster: str) -> list[EcsRecord]:
    """Readable records of the cluster, oldest first; refused calls and foreign shapes are left out."""
    found = [record for event in events if (record := _record(event)) and record.cluster == cluster]
    return sorted(found, key=lambda record: record.at)


def changes_of(records: Sequence[EcsRecord], services: Sequence[str]) -> list[Change]:
    """Scalings and deployments with the absolute state before and after, oldest first."""
    counts: dict[str, int] = {}
    tasks: dict[str, str] = {}
    changes: list[Change] = []
    for record in records:
        if record.service not in services:
            continue
        before, after = counts.get(record.service), record.count
        if after is not None and before is not None and before != after:
            title = f"desired count set to {after}"
            changes.append(_change(record, ChangeKind.SCALE, title, str(before), str(after)))
        old, new = tasks.get(record.service), record.task_definition
        if new and old and old != new:
            changes.append(_change(record, ChangeKind.DEPLOY, f"task definition {new}", old, new))
        if after is not None:
            counts[record.service] = after
        if new:
            tasks[record.service] = new
    return changes


def count_history(records: Sequence[EcsRecord], service: str, desired: int) -> dict[str, str]:
    """`previous_count` and `scaled_at`, as far as the history explains the live desired count."""
    counts = [(record.at, record.count) for record in records if record.service == service and record.count]
    since: float | None = None
    for at, count in reversed(counts):
        if count != desired:
            found = {"previous_count": str(count)}
            return found if since is None else {**found, "scaled_at": str(int(since))}
        since = at
    return {}


def revision_history(records: Sequence[EcsRecord], service: str, live: str) -> dict[str, str]:
    """`previous_revision`, `deployed_at` and `previous_ran_s`, as far as the history explains the live revision."""
    known = [
        (record.at, record.task_definition)
        for record in records
        if record.service == service and record.task_definition and ":" in record.task_definition
    ]
    while len(known) > 1 and known[-1][1] == known[-2][1]:
        known.pop()
    if len(known) < 2 or known[-1][1] != live:
        return {}
    since, before = known[-1][0], known[-2][1]
    began = since
    for at, revision in reversed(known[:-1]):
        if revision != before:
            break
        began = at
    return {
        "previous_revision": str(before),
        "deployed_at": str(int(since)),
        "previous_ran_s": str(int(since - began)),
    }


def _change(record: EcsRecord, kind: ChangeKind, title: str, before: str, after: str) -> Change:
    return Change(record.service, kind, record.at, title, before, after, actor=record.actor)


def _record(event: Mapping[str, Any]) -> EcsRecord | None:
    try:
        detail = json.loads(event["CloudTrailEvent"])
        asked = detail["requestParameters"]
        name = asked.get("serviceName") or asked["service"]
    except (KeyError, ValueError, TypeError, AttributeError):
        return None
    if detail.get("errorCode"):
        return None
    count, task = asked.get("desiredCount"), asked.get("taskDefinition")
    if task and ":" not in task:
        task = _answered_revision(detail) or task  # A family alone means its newest revision at that moment.
    return EcsRecord(
        service=_last(str(name)),
        cluster=_last(str(asked.get("cluster", "default"))),
        at=_unix(event["EventTime"]),
        actor=str(event.get("Username", "")),
        count=count if type(count) is int else None,
        task_definition=_last(str(task)) if task else None,
    )


def _answered_revision(detail: Mapping[str, Any]) -> str:
    answer = detail.get("responseElements")
    service = answer.get("service") if isinstance(answer, dict) else None
    return str(service.get("taskDefinition", "")) if isinstance(service, dict) else ""


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _unix(value: datetime | float) -> float:
    return value.timestamp() if isinstance(value, datetime) else float(value)
