"""A shop under resource faults, one point a second, no graph: a case is a folder with normal.csv and anomalous.csv.

Columns are `<service>_<what>`; what nobody alerts on is declared, so the incident names no service.
"""

import csv
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from bot.domain.alert import Alert, AlertSeverity, AlertStatus
from bot.domain.telemetry import MetricSeries, Signal, Telemetry
from tests.bench.diagnose.case import Case, Row, folders_with, id_of, ranked, timed

SIGNALS = {
    "cpu": (Signal.CPU_CORES, 0.01),
    "mem": (Signal.MEMORY_BYTES, 1.0),
    "lod": (Signal.REQUEST_RATE, 1.0),
    "lat_50": (Signal.LATENCY, 1.0),
}
Columns = dict[str, list[tuple[float, float]]]


def cases(data: Path) -> Iterator[Case]:
    """Every folder that holds both recordings."""
    for folder in folders_with(data, "anomalous.csv", "normal.csv"):
        yield Case(id_of(data, folder), partial(_run, folder))


def _run(folder: Path) -> Row:
    normal, during = _read(folder / "normal.csv"), _read(folder / "anomalous.csv")
    since = min((points[0][0] for points in during.values() if points), default=0.0)
    ended = max((points[-1][0] for points in normal.values() if points), default=since)
    now = max((points[-1][0] for points in during.values() if points), default=since)
    declared = Alert(
        "declared", "recording", "declared", AlertStatus.FIRING, AlertSeverity.WARNING, "",
        "somebody declared an incident", since, since,
    )  # fmt: skip
    series = tuple(_series(normal, during, since - 1.0 - ended))
    return ranked(timed(Telemetry(opened_at=since, now=now, alerts=(declared,), series=series)))


def _series(normal: Columns, during: Columns, moved: float) -> Iterator[MetricSeries]:
    for column, points in during.items():
        service, signal, factor = _meaning(column)
        if signal is not None:
            whole = [(at + moved, value) for at, value in normal.get(column, [])] + points
            yield MetricSeries(
                service, signal, tuple(at for at, _ in whole), tuple(value * factor for _, value in whole)
            )


def _meaning(column: str) -> tuple[str, Signal | None, float]:
    for ending, (signal, factor) in SIGNALS.items():
        if column.endswith("_" + ending):
            return column.removesuffix("_" + ending), signal, factor
    return column, None, 1.0


def _read(path: Path) -> Columns:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {
        column: [(float(row["time"]), float(row[column])) for row in rows if row[column]]
        for column in (rows[0] if rows else {})
        if column != "time"
    }
