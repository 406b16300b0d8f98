"""Recorded answers about a managed database (metrics, events, top statements) as the product's own readings."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from bot.adapters.evidence._rds_metrics import METRICS, factor_of
from bot.domain.databases import Database, DatabaseEvent, DatabaseMetric, DatabaseSeries, Statement, Wait

Files = Mapping[str, Path]


def database_of(facts: Mapping[str, Any], alert: Mapping[str, Any], files: Files) -> Database:
    """The database that a case is about; what was not recorded is empty."""
    notes = {**alert.get("commonLabels", {}), **alert.get("commonAnnotations", {})}
    instance = str(
        notes.get("db_instance_identifier")
        or notes.get("db_instance")
        or facts.get("db_instance_identifier")
        or ""
    )
    insights = _json(files.get("aws_performance_insights"))
    series = tuple(_series(files))
    replica = str(notes.get("read_replica") or "")
    lagging = {
        one.instance
        for one in series
        if one.metric is DatabaseMetric.REPLICA_LAG and one.instance.startswith(instance)
    }
    storage = facts.get("allocated_storage_gb") or facts.get("allocated_storage")
    return Database(
        service=instance,
        instance=instance,
        engine=str(facts.get("engine") or alert.get("commonLabels", {}).get("engine", "")),
        instance_class=str(facts.get("instance_class", "")),
        storage_bytes=float(storage) * 2**30 if storage else None,
        max_connections=int(facts["max_connections"]) if facts.get("max_connections") else None,
        replicas=tuple(sorted({*lagging, *([replica] if replica else [])} - {instance})),
        series=(*series, *_load(instance, insights)),
        events=tuple(_events(_json(files.get("aws_rds_events")))),
        statements=tuple(_statement(one) for one in insights.get("top_sql", [])),
        waits=tuple(_wait(one) for one in insights.get("top_wait_events", [])),
    )


def when(text: str) -> float:
    """Unix seconds of an ISO time."""
    return datetime.fromisoformat(text).timestamp()


def _series(files: Files) -> Iterator[DatabaseSeries]:
    for name, path in sorted(files.items()):
        if not name.startswith("aws_cloudwatch_metrics"):
            continue
        body = _json(path)
        for one in body.get("metric_data_results", [body] if "metric_name" in body else []):
            found = _one(one)
            if found is not None:
                yield found


def _one(body: Mapping[str, Any]) -> DatabaseSeries | None:
    known = METRICS.get(str(body.get("metric_name", "")))
    points = sorted(
        (when(at), float(value))
        for at, value in zip(body.get("timestamps", []), body.get("values", []), strict=False)
        if value is not None
    )
    if known is None or not points:
        return None
    factor = factor_of(str(body.get("unit", "")))
    of = next(
        (one["Value"] for one in body.get("dimensions", []) if one["Name"] == "DBInstanceIdentifier"), ""
    )
    return DatabaseSeries(
        of, known[0], tuple(at for at, _ in points), tuple(value * factor for _, value in points)
    )


def _load(instance: str, insights: Mapping[str, Any]) -> tuple[DatabaseSeries, ...]:
    body = insights.get("db_load", {})
    values = tuple(float(value) for value in body.get("values", []))
    times = tuple(when(at) for at in body.get("timestamps", []))[: len(values)]
    return (DatabaseSeries(instance, DatabaseMetric.LOAD, times, values),) if values and times else ()


def _events(body: Mapping[str, Any]) -> Iterator[DatabaseEvent]:
    for one in body.get("events", []):
        yield DatabaseEvent(
            str(one.get("source_identifier", "")), when(one["date"]), str(one["message"]), tuple(one.get("event_categories", []))
        )  # fmt: skip


def _statement(body: Mapping[str, Any]) -> Statement:
    calls = body.get("calls_per_sec")
    return Statement(
        str(body.get("statement") or body.get("sql") or ""), float(body.get("db_load_avg", 0.0)),
        tuple(_wait(one) for one in body.get("wait_events", [])), None if calls is None else float(calls),
    )  # fmt: skip


def _wait(body: Mapping[str, Any]) -> Wait:
    return Wait(str(body.get("name", "")), float(body.get("db_load_avg", 0.0)))


def _json(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    body = json.loads(path.read_text(encoding="utf-8"))
    return body if isinstance(body, dict) else {}
