"""`python -m tests.bench.watch --data DIR`: false alarms of the watcher, as one JSON line.

Incident-free metric recordings are looked at window by window (the first half is the past), issues once at their end;
normal log sessions by what normal ones taught; log lines of recorded shops minute by minute. Labels are read for the score only.
"""

import argparse
import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bot.domain.logs.sessions import learn_sessions, verdicts
from bot.domain.telemetry import MetricSeries
from bot.domain.topology import Topology
from bot.domain.watch.metrics import metric_findings
from bot.domain.watch.verdict import warnings
from tests.bench.diagnose.sets import petshop
from tests.bench.logs.anomaly import read_sessions
from tests.bench.watch.logs import log_looks

_LOG_SETS = ("openstack", "hdfs_xu")


def main() -> int:
    """Look at everything and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds rca/ and logs/")
    given = parser.parse_args()
    quiet = [_warned(*told) for told in _quiet(given.data / "rca")]
    issues = [_warned(*told) for told in _issues(given.data / "rca")]
    logs = {name: _sessions(given.data / "logs" / "anomaly" / name) for name in _LOG_SETS}
    result: dict[str, Any] = {
        "bench": "watch",
        "metric_windows": len(quiet),
        "false_alarms": sum(quiet),
        "false_alarm_rate": round(sum(quiet) / max(1, len(quiet)), 4),
        "upper_95": _upper(sum(quiet), len(quiet)),
        "issues": len(issues),
        "issues_warned_of": sum(issues),
        "log_sessions": logs,
        "log_lines": log_looks(given.data / "rca"),
    }
    print(json.dumps(result), flush=True)
    return 0 if quiet else 1


def _quiet(data: Path) -> Iterator[tuple[list[MetricSeries], Topology]]:
    for path in petshop._quiet_recordings(data):
        table = petshop.read(path)
        half = len(table.times) // 2
        topology = petshop._topology(petshop._graph_for(data, path.parent))
        for begin in range(half, len(table.times) - petshop.WINDOW + 1, petshop.WINDOW):
            past = petshop._cut(table, 0, half)
            window = petshop._cut(table, begin, begin + petshop.WINDOW)
            yield list(petshop._joined(past, window)), topology


def _issues(data: Path) -> Iterator[tuple[list[MetricSeries], Topology]]:
    for folder in petshop._issues(data):
        during = petshop.read(folder / "metrics.csv")
        normal = petshop._normal_for(data, folder, during)
        topology = petshop._topology(petshop._graph_for(data, folder))
        yield list(petshop._joined(normal, during)), topology


def _warned(series: list[MetricSeries], topology: Topology) -> bool:
    return bool(warnings(metric_findings(series), topology, {}))


def _sessions(folder: Path) -> dict[str, Any]:
    if not (folder / "train.txt").is_file():
        return {}
    model = learn_sessions(read_sessions(folder / "train.txt"))
    judged = verdicts(model, read_sessions(folder / "test_normal.txt"))
    return {"normal": len(judged), "false_alarm_rate": round(sum(judged) / max(1, len(judged)), 4)}


def _upper(hits: int, of: int) -> float:
    """Upper end of the 95 % interval of a share, after Wilson."""
    if not of:
        return 1.0
    share, z = hits / of, 1.96
    middle = share + z * z / (2 * of)
    wide = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return round((middle + wide) / (1 + z * z / of), 4)


if __name__ == "__main__":
    sys.exit(main())
