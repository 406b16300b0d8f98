"""Names and units of the vendor's database metrics, in the rules' own names and base units."""

from bot.domain.databases import DatabaseMetric

NAMESPACE = "AWS/RDS"
# The vendor's name, the statistic that shows trouble, and the factor to base units for metrics without a unit.
METRICS: dict[str, tuple[DatabaseMetric, str]] = {
    "CPUUtilization": (DatabaseMetric.CPU, "Average"),
    "DatabaseConnections": (DatabaseMetric.CONNECTIONS, "Average"),
    "FreeStorageSpace": (DatabaseMetric.FREE_STORAGE, "Minimum"),
    "FreeableMemory": (DatabaseMetric.FREE_MEMORY, "Minimum"),
    "SwapUsage": (DatabaseMetric.SWAP, "Maximum"),
    "ReadIOPS": (DatabaseMetric.READ_IOPS, "Average"),
    "WriteIOPS": (DatabaseMetric.WRITE_IOPS, "Average"),
    "ReadLatency": (DatabaseMetric.READ_LATENCY, "Average"),
    "WriteLatency": (DatabaseMetric.WRITE_LATENCY, "Average"),
    "CommitLatency": (DatabaseMetric.COMMIT_LATENCY, "Average"),
    "CommitThroughput": (DatabaseMetric.COMMITS, "Average"),
    "DiskQueueDepth": (DatabaseMetric.QUEUE_DEPTH, "Average"),
    "BurstBalance": (DatabaseMetric.BURST_BALANCE, "Minimum"),
    "ReplicaLag": (DatabaseMetric.REPLICA_LAG, "Maximum"),
    "TransactionLogsGeneration": (DatabaseMetric.LOG_RATE, "Average"),
    "MaximumUsedTransactionIDs": (DatabaseMetric.TRANSACTION_IDS, "Maximum"),
    "Deadlocks": (DatabaseMetric.DEADLOCKS, "Average"),
}
_FACTORS = {
    "milliseconds": 1e-3, "microseconds": 1e-6, "kilobytes": 1e3, "megabytes": 1e6, "gigabytes": 1e9,
    "kilobytes/second": 1e3, "megabytes/second": 1e6,
}  # fmt: skip


def factor_of(unit: str) -> float:
    """What a value in the vendor's unit is multiplied with to be in seconds, bytes or counts."""
    return _FACTORS.get(unit.lower(), 1.0)
