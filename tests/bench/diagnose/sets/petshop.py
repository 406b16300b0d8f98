"""A traced shop, five-minute points: an issue is a folder with metrics.csv and target.json, normal days lie beside it.

An issue's baseline is the recording without incidents of its own scenario, moved up to just before it; where a
scenario has none, that of another scenario that shares most of its columns.
"""

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from bot.domain.alert import Alert, AlertSeverity, AlertStatus
from bot.domain.telemetry import MetricSeries, Signal, Telemetry
from bot.domain.topology import Topology
from tests.bench.diagnose.case import Case, Row, folders_with, id_of, ranked, timed

HEADER = 4  # Lines: microservice, metric, statistic, name of the index.
STEP_S = 300.0
WINDOW = 5  # Rows of an incident-free window.
SIGNALS = {
    ("latency", "Average"): (Signal.LATENCY, 1.0),
    ("availability", "Average"): (Signal.AVAILABILITY, 0.01),
    ("requests", "Sum"): (Signal.REQUEST_RATE, 1 / STEP_S),
}
Column = tuple[str, Signal]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of a metrics.csv: unix seconds and the values of each column, None where there is no point."""

    times: tuple[float, ...]
    columns: dict[Column, tuple[float | None, ...]]


def cases(data: Path) -> Iterator[Case]:
    """Issues first, then the windows of incident-free recordings."""
    for folder in folders_with(data, "target.json", "metrics.csv"):
        yield Case(id_of(data, folder), partial(_issue, data, folder))
    for path in _quiet_recordings(data):
        count = len(read(path).times)
        for number in range((count - count // 2) // WINDOW):
            yield Case(f"{id_of(data, path.parent)}/{number:03}", partial(_quiet, path, number))


def _quiet_recordings(data: Path) -> list[Path]:
    folders = folders_with(data, "metrics.csv")
    return [folder / "metrics.csv" for folder in folders if _is_quiet(folder)]


def _is_quiet(folder: Path) -> bool:
    return not (folder / "target.json").exists() and _graph_above(folder) is not None


def _graph_above(folder: Path) -> Path | None:
    found = (above / "graph.csv" for above in list(folder.parents)[:3])
    return next((path for path in found if path.is_file()), None)


def _issue(data: Path, folder: Path) -> Row:
    target = json.loads((folder / "target.json").read_text(encoding="utf-8"))["target"]
    during = read(folder / "metrics.csv")
    normal = _normal_for(data, folder, during)
    since = during.times[0]
    alert = Alert(
        "target", "recording", str(target["metric"]), AlertStatus.FIRING, AlertSeverity.CRITICAL,
        str(target["node"]), f"{target['metric']} of {target['node']}", since, float(target["timestamp"]),
    )  # fmt: skip
    return ranked(
        timed(
            Telemetry(
                opened_at=since,
                now=during.times[-1],
                alerts=(alert,),
                series=tuple(_joined(normal, during)),
                topology=_topology(_graph_above(folder)),
            )
        )
    )


def _quiet(path: Path, number: int) -> Row:
    table = read(path)
    half = len(table.times) // 2
    begin = half + number * WINDOW
    normal, during = _cut(table, 0, half), _cut(table, begin, begin + WINDOW)
    return ranked(
        timed(
            Telemetry(
                opened_at=during.times[0],
                now=during.times[-1],
                series=tuple(_joined(normal, during)),
                topology=_topology(_graph_above(path.parent)),
            )
        )
    )


def _normal_for(data: Path, folder: Path, during: Table) -> Table | None:
    def nearness(path: Path) -> tuple[bool, int, str]:
        own = _graph_above(path.parent) == _graph_above(folder)
        return own, len(read(path).columns.keys() & during.columns.keys()), str(path)

    best = max(_quiet_recordings(data), key=nearness, default=None)
    return read(best) if best is not None else None


def _cut(table: Table, begin: int, end: int) -> Table:
    return Table(table.times[begin:end], {name: values[begin:end] for name, values in table.columns.items()})


def _joined(normal: Table | None, during: Table) -> Iterator[MetricSeries]:
    """Series over both tables, the normal one moved up to end one step before the other begins."""
    moved = during.times[0] - STEP_S - normal.times[-1] if normal is not None else 0.0
    for name, values in during.columns.items():
        points = list(zip(during.times, values, strict=True))
        if normal is not None:
            usual = normal.columns.get(name, (None,) * len(normal.times))
            points = [(at + moved, value) for at, value in zip(normal.times, usual, strict=True)] + points
        known = [(at, value) for at, value in points if value is not None]
        if known:
            yield MetricSeries(
                name[0], name[1], tuple(at for at, _ in known), tuple(value for _, value in known)
            )


@cache
def read(path: Path) -> Table:
    """A metrics.csv with the columns that the product has a signal for."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    head, body = rows[:HEADER], [row for row in rows[HEADER:] if row and row[0]]
    columns = {}
    for place in range(1, len(head[0])):
        signal, factor = SIGNALS.get((head[1][place], head[2][place]), (None, 1.0))
        if signal is not None:
            columns[head[0][place], signal] = _numbers([row[place] for row in body], factor)
    return Table(tuple(float(row[0]) for row in body), columns)


def _numbers(cells: Sequence[str], factor: float) -> tuple[float | None, ...]:
    return tuple(float(cell) * factor if cell else None for cell in cells)


@cache
def _topology(path: Path | None) -> Topology:
    """An adjacency matrix: the row's node calls the column's."""
    if path is None:
        return Topology()
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    names = rows[0][1:]
    calls = {
        row[0]: tuple(name for name, cell in zip(names, row[1:], strict=True) if float(cell or 0))
        for row in rows[1:]
    }
    return Topology(
        calls={caller: callees for caller, callees in calls.items() if callees}, kinds={}, as_of=1.0
    )
