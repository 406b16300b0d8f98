"""Evidence about managed databases: metrics, events and what sessions do, for instances by their tag `service`.

Read with the reader's role; what the readings mean is for the rules in the domain to say.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from bot.adapters.evidence._aws_reader import build_reader, reading
from bot.adapters.evidence._performance_insights import Sessions, sessions_of
from bot.adapters.evidence._rds_metrics import METRICS, NAMESPACE
from bot.adapters.rds_look import SERVICE
from bot.domain.databases import Database, DatabaseEvent, DatabaseMetric, DatabaseSeries
from bot.domain.errors import Permanent, Retryable
from bot.domain.telemetry import Missing, Readings, missed
from bot.settings import Settings

MOST_DATABASES = 4  # The caller names services in order of suspicion.
EVENTS_BEFORE_S = 7200.0
PERIOD_S = 60
_GIB = 2**30

Instance = Mapping[str, Any]


class RdsHealth:
    """`bot.ports.EvidenceSource` over one region."""

    name = "rds"

    def __init__(self, rds: Any, cloudwatch: Any, insights: Any) -> None:
        self._rds = rds
        self._cloudwatch = cloudwatch
        self._insights = insights

    def collect(self, services: Sequence[str], *, start: float, end: float) -> Readings:
        """Databases of those services; what cannot be read of one is Missing and the rest of it stays."""
        try:
            with reading():
                pages = self._rds.get_paginator("describe_db_instances").paginate()
                everything = [one for page in pages for one in page["DBInstances"]]
        except (Retryable, Permanent) as error:
            return Readings(missing=(missed(self.name, error),))
        wanted = list(_wanted(everything, services))
        if not wanted:
            return Readings()
        with ThreadPoolExecutor(len(wanted), thread_name_prefix="rds") as pool:
            found = list(pool.map(lambda pair: self._database(*pair, start=start, end=end), wanted))
        gaps = tuple(dict.fromkeys(gap for _one, missing in found for gap in missing))
        return Readings(databases=tuple(one for one, _missing in found), missing=gaps)

    def _database(
        self, service: str, instance: Instance, *, start: float, end: float
    ) -> tuple[Database, list[Missing]]:
        name, replicas = str(instance["DBInstanceIdentifier"]), _replicas(instance)
        missing: list[Missing] = []
        series: tuple[DatabaseSeries, ...] = ()
        events: tuple[DatabaseEvent, ...] = ()
        sessions, ceiling = Sessions(), None
        try:
            with reading():
                ceiling = self._ceiling(instance)
                series = tuple(self._metrics(name, replicas, start, end))
                events = tuple(self._events([name, *replicas], start, end))
            if instance.get("PerformanceInsightsEnabled"):
                resource = str(instance["DbiResourceId"])
                with reading():
                    sessions = sessions_of(self._insights, resource, name, start=start, end=end)
        except (Retryable, Permanent) as error:
            missing.append(missed(self.name, error, name))
        storage = instance.get("AllocatedStorage")
        read = Database(
            service=service,
            instance=name,
            engine=str(instance.get("Engine", "")),
            instance_class=str(instance.get("DBInstanceClass", "")),
            storage_bytes=float(storage) * _GIB if storage else None,
            max_connections=ceiling,
            replicas=replicas,
            series=(*series, *sessions.series),
            events=events,
            statements=sessions.statements,
            waits=sessions.waits,
        )
        return read, missing

    def _ceiling(self, instance: Instance) -> int | None:
        """The session ceiling that people set; None where the engine's default formula holds."""
        for group in instance.get("DBParameterGroups", ())[:1]:
            pages = self._rds.get_paginator("describe_db_parameters").paginate(
                DBParameterGroupName=group["DBParameterGroupName"], Source="user"
            )
            for one in (one for page in pages for one in page["Parameters"]):
                value = str(one.get("ParameterValue", ""))
                if one.get("ParameterName") == "max_connections" and value.isdigit():
                    return int(value)
        return None

    def _metrics(
        self, name: str, replicas: Sequence[str], start: float, end: float
    ) -> Iterator[DatabaseSeries]:
        asked = [(name, metric) for metric in METRICS] + [(one, "ReplicaLag") for one in replicas]
        queries = [
            {
                "Id": f"q{number}",
                "MetricStat": {
                    "Metric": {
                        "Namespace": NAMESPACE,
                        "MetricName": metric,
                        "Dimensions": [{"Name": "DBInstanceIdentifier", "Value": instance}],
                    },
                    "Period": PERIOD_S,
                    "Stat": METRICS[metric][1],
                },
            }
            for number, (instance, metric) in enumerate(asked)
        ]
        answer = self._cloudwatch.get_metric_data(
            MetricDataQueries=queries, StartTime=_time(start), EndTime=_time(end), ScanBy="TimestampAscending"
        )
        results = {one["Id"]: one for one in answer["MetricDataResults"]}
        for number, (instance, metric) in enumerate(asked):
            one = results.get(f"q{number}", {"Timestamps": [], "Values": []})
            kind = METRICS[metric][0]
            points = sorted(zip((at.timestamp() for at in one["Timestamps"]), one["Values"], strict=True))
            if kind is DatabaseMetric.REPLICA_LAG:
                # RDS reports -1 where replication does not run.
                points = [point for point in points if point[1] >= 0]
            if points:
                times, values = zip(*points, strict=True)
                yield DatabaseSeries(instance, kind, times, tuple(float(value) for value in values))

    def _events(self, names: Sequence[str], start: float, end: float) -> Iterator[DatabaseEvent]:
        for name in names:
            answer = self._rds.describe_events(
                SourceIdentifier=name,
                SourceType="db-instance",
                StartTime=_time(start - EVENTS_BEFORE_S),
                EndTime=_time(end),
            )
            for one in answer["Events"]:
                categories = tuple(str(category) for category in one.get("EventCategories", ()))
                at = one["Date"].timestamp()
                yield DatabaseEvent(name, at, str(one.get("Message", "")), categories)


def build(settings: Settings) -> RdsHealth:
    """The reader that the settings describe; raises Permanent naming what is missing."""
    reader = build_reader(settings)
    return RdsHealth(reader.of("rds"), reader.of("cloudwatch"), reader.of("pi"))


def _wanted(everything: Sequence[Instance], services: Sequence[str]) -> Iterator[tuple[str, Instance]]:
    """The primaries of the services, most suspicious first."""
    order = {service: place for place, service in enumerate(services)}
    named = {str(one["DBInstanceIdentifier"]) for one in everything}
    heads = [
        (order[_service(one)], str(one["DBInstanceIdentifier"]), one)
        for one in everything
        if _service(one) in order and one.get("ReadReplicaSourceDBInstanceIdentifier") not in named
    ]
    for _place, _name, one in sorted(heads, key=lambda found: found[:2])[:MOST_DATABASES]:
        yield _service(one), one


def _service(instance: Instance) -> str:
    return next((str(tag["Value"]) for tag in instance.get("TagList", []) if tag["Key"] == SERVICE), "")


def _replicas(instance: Instance) -> tuple[str, ...]:
    return tuple(str(name) for name in instance.get("ReadReplicaDBInstanceIdentifiers", []))


def _time(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
