"""Live fields of an RDS instance, from the API's answers and what the database itself says about its transactions."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

_SUFFIX = re.compile(r"-wk([1-9][0-9]{0,2})")


def live_db(
    instance: Mapping[str, Any],
    *,
    lags_s: Sequence[float | None],
    restarted_at: int,
    database: Mapping[str, str],
    prices: Mapping[str, str],
) -> dict[str, str]:
    """The fields that `domain/actions` names for rds.instance.

    `lags_s` has the lag of each replica, or of itself where it is one; `database` is empty where nobody may look.
    """
    pending = instance.get("PendingModifiedValues") or {}
    replicas = sorted(instance.get("ReadReplicaDBInstanceIdentifiers", []))
    live = {
        "uid": str(instance["DbiResourceId"]),
        "status": str(instance["DBInstanceStatus"]),
        "engine": str(instance["Engine"]),
        "db_class": str(instance["DBInstanceClass"]),
        "storage_gb": str(pending.get("AllocatedStorage") or instance["AllocatedStorage"]),
        "role": "replica" if instance.get("ReadReplicaSourceDBInstanceIdentifier") else "primary",
        "replicas": ",".join(replicas),
        "next_replica": str(_next(str(instance["DBInstanceIdentifier"]), replicas)),
        "restarted_at": str(restarted_at),
        "zone": str(instance.get("AvailabilityZone", "")),
        **prices,
    }
    if instance.get("MultiAZ") and instance.get("SecondaryAvailabilityZone"):
        live["standby_zone"] = str(instance["SecondaryAvailabilityZone"])
    return live | _replication(lags_s, database)


def _replication(lags_s: Sequence[float | None], database: Mapping[str, str]) -> dict[str, str]:
    """The worst lag, absent where one is unknown; and open transactions, absent where unread."""
    told = database.get("sql_lag_s")
    lags = [*lags_s, *([] if told is None else [float(told) if told else None])]
    known = [lag for lag in lags if lag is not None]
    found = {}
    if len(known) == len(lags):
        found["replication_lag_s"] = str(round(max(known, default=0)))
    if "open_transactions" in database:
        found["open_transactions"] = database["open_transactions"]
    return found


def _next(name: str, replicas: Sequence[str]) -> int:
    numbers = [
        int(match.group(1))
        for one in replicas
        if one.startswith(name) and (match := _SUFFIX.fullmatch(one.removeprefix(name)))
    ]
    return max(numbers, default=0) + 1


def replica_name(name: str, number: int) -> str:
    """What the replica of that number is called."""
    return f"{name}-wk{number}"
