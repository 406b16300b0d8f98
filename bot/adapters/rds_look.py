"""Reading one RDS instance with its replication, restarts and transactions; shared by the inventory and the executor.

Holds no call that changes anything; AWS's errors leave as they are, each side has its own words for them.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.domain.live_db import live_db
from bot.domain.price import PRICE, unit_price

KIND = "rds.instance"
SERVICE, ROLE = "service", "watchkeeper-role"
_LAG_WINDOW = timedelta(minutes=10)
_EVENTS_MINUTES = 14 * 24 * 60
_RESTARTED = ("restarted", "failover completed")

Look = Callable[[str], Mapping[str, str]]


def nobody_looks(_database: str) -> Mapping[str, str]:
    """Where no database is declared: nothing is known of its transactions."""
    return {}


class RdsLook:
    """Reads through one pair of clients; `look` asks the database of that name about itself."""

    def __init__(self, rds: Any, cloudwatch: Any, look: Look, prices: Mapping[str, float]) -> None:
        self._rds = rds
        self._cloudwatch = cloudwatch
        self._look = look
        self._prices = prices

    def named(self, name: str) -> Mapping[str, Any] | None:
        """The instance of that name as the API describes it, or None."""
        found = self._rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
        return found[0] if found else None

    def all(self) -> Sequence[Mapping[str, Any]]:
        """Every instance of the region."""
        pages = self._rds.get_paginator("describe_db_instances").paginate()
        return [one for page in pages for one in page["DBInstances"]]

    def live(self, instance: Mapping[str, Any]) -> Mapping[str, str]:
        """Its live fields."""
        name = str(instance["DBInstanceIdentifier"])
        followers = [name] if instance.get("ReadReplicaSourceDBInstanceIdentifier") else []
        followers += instance.get("ReadReplicaDBInstanceIdentifiers", [])
        return live_db(
            instance,
            lags_s=[self._lag(one) for one in followers],
            restarted_at=self._restarted_at(name),
            database=self._look(name),
            prices={
                PRICE: unit_price(self._prices, KIND, str(instance["DBInstanceClass"])),
                "storage_price": unit_price(self._prices, "rds.storage", name),
            },
        )

    def _lag(self, replica: str) -> float | None:
        """Seconds by which a replica is behind, or None where no reading says so."""
        end = datetime.now(UTC)
        points = self._cloudwatch.get_metric_statistics(
            Namespace="AWS/RDS",
            MetricName="ReplicaLag",
            Dimensions=[{"Name": "DBInstanceIdentifier", "Value": replica}],
            StartTime=end - _LAG_WINDOW,
            EndTime=end,
            Period=60,
            Statistics=["Maximum"],
        )["Datapoints"]
        newest = max(points, key=lambda point: point["Timestamp"], default=None)
        # RDS reports -1 where replication does not run.
        return None if newest is None or newest["Maximum"] < 0 else float(newest["Maximum"])

    def _restarted_at(self, name: str) -> int:
        events = self._rds.describe_events(
            SourceIdentifier=name, SourceType="db-instance", Duration=_EVENTS_MINUTES
        )["Events"]
        times = [
            int(one["Date"].timestamp())
            for one in events
            if any(word in one.get("Message", "").lower() for word in _RESTARTED)
        ]
        return max(times, default=0)
