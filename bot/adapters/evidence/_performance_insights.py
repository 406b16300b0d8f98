"""What an instance's sessions do, from Performance Insights: active sessions, the busiest statements, their waits."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bot.domain.databases import DatabaseMetric, DatabaseSeries, Statement, Wait

LOAD = "db.load.avg"
_SERVICE = "RDS"
_WAITS, _SQL = "db.wait_event", "db.sql_tokenized"
_MOST = 8
_PERIOD_S = 60


@dataclass(frozen=True, slots=True)
class Sessions:
    """Active sessions over time, what they wait for, and the statements that they run."""

    series: tuple[DatabaseSeries, ...] = ()
    waits: tuple[Wait, ...] = ()
    statements: tuple[Statement, ...] = ()


def sessions_of(insights: Any, resource: str, instance: str, *, start: float, end: float) -> Sessions:
    """Ask three times about one instance; `resource` is its DbiResourceId. AWS's errors leave as they are."""
    window = {
        "ServiceType": _SERVICE,
        "Identifier": resource,
        "StartTime": datetime.fromtimestamp(start, UTC),
        "EndTime": datetime.fromtimestamp(end, UTC),
    }
    load = insights.get_resource_metrics(
        MetricQueries=[{"Metric": LOAD}], PeriodInSeconds=_PERIOD_S, **window
    )
    waits = insights.describe_dimension_keys(Metric=LOAD, GroupBy={"Group": _WAITS, "Limit": _MOST}, **window)
    busiest = insights.describe_dimension_keys(
        Metric=LOAD,
        GroupBy={"Group": _SQL, "Limit": _MOST},
        PartitionBy={"Group": _WAITS, "Limit": _MOST},
        **window,
    )
    return Sessions(tuple(_load(load, instance)), tuple(_waits(waits)), tuple(_statements(busiest)))


def _load(answer: Mapping[str, Any], instance: str) -> Iterable[DatabaseSeries]:
    for one in answer.get("MetricList", []):
        points = [(p["Timestamp"].timestamp(), float(p["Value"])) for p in one["DataPoints"] if "Value" in p]
        if points:
            times, values = zip(*sorted(points), strict=True)
            yield DatabaseSeries(instance, DatabaseMetric.LOAD, times, values)


def _waits(answer: Mapping[str, Any]) -> Iterable[Wait]:
    for one in answer.get("Keys", []):
        yield Wait(_wait_name(one["Dimensions"]), float(one.get("Total", 0.0)))


def _statements(answer: Mapping[str, Any]) -> Iterable[Statement]:
    names = [_wait_name(one["Dimensions"]) for one in answer.get("PartitionKeys", [])]
    for one in answer.get("Keys", []):
        parts = zip(names, one.get("Partitions", []), strict=False)
        waits = tuple(Wait(name, float(load)) for name, load in parts if load)
        text = str(one["Dimensions"].get(f"{_SQL}.statement", ""))
        yield Statement(text, float(one.get("Total", 0.0)), waits)


def _wait_name(dimensions: Mapping[str, str]) -> str:
    """`IO:DataFileRead`; the name alone where it already holds its type."""
    name, kind = dimensions.get(f"{_WAITS}.name", ""), dimensions.get(f"{_WAITS}.type", "")
    return name if not kind or name.lower().startswith(kind.lower()) else f"{kind}:{name}"
