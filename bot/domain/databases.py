"""What is read of a managed database: its control plane's metrics and events, and what its sessions wait for.

Readings only, in base units (seconds, bytes, counts, percent where it says so); nobody judges here.
"""

from dataclasses import dataclass
from enum import StrEnum


class DatabaseMetric(StrEnum):
    """The metrics that rules know; the unit stands in the name where it is not a plain count."""

    CPU = "cpu_percent"
    CONNECTIONS = "connections"
    FREE_STORAGE = "free_storage_bytes"
    FREE_MEMORY = "free_memory_bytes"
    SWAP = "swap_bytes"
    READ_IOPS = "read_iops"
    WRITE_IOPS = "write_iops"
    READ_LATENCY = "read_latency_seconds"
    WRITE_LATENCY = "write_latency_seconds"
    COMMIT_LATENCY = "commit_latency_seconds"
    COMMITS = "commits_per_second"
    QUEUE_DEPTH = "disk_queue_depth"
    BURST_BALANCE = "burst_balance_percent"
    REPLICA_LAG = "replica_lag_seconds"
    LOG_RATE = "transaction_log_bytes_per_second"
    TRANSACTION_IDS = "used_transaction_ids"
    DEADLOCKS = "deadlocks_per_second"
    LOAD = "average_active_sessions"


@dataclass(frozen=True, slots=True)
class DatabaseSeries:
    """One metric of one instance: `times` in unix seconds, ascending, and `values` of equal length."""

    instance: str
    metric: DatabaseMetric
    times: tuple[float, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class DatabaseEvent:
    """What the control plane recorded about an instance; `at` in unix seconds."""

    instance: str
    at: float
    text: str
    categories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wait:
    """What sessions wait for (`IO:DataFileRead`, `CPU`) and its load, in the unit of its list."""

    name: str
    load: float


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of the top list; `load` is in the unit of its list, `calls` per second, None if not known."""

    text: str
    load: float
    waits: tuple[Wait, ...] = ()
    calls: float | None = None


@dataclass(frozen=True, slots=True)
class Database:
    """One managed database of a service as its control plane shows it; what is not known is None or empty."""

    service: str
    instance: str
    engine: str = ""
    instance_class: str = ""
    storage_bytes: float | None = None
    max_connections: int | None = None
    replicas: tuple[str, ...] = ()
    series: tuple[DatabaseSeries, ...] = ()
    events: tuple[DatabaseEvent, ...] = ()
    statements: tuple[Statement, ...] = ()
    waits: tuple[Wait, ...] = ()
