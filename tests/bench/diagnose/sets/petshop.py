"""A traced shop, five-minute points: an issue is a folder with metrics.csv and target.json, normal days lie beside it.

An issue's baseline is the recording without incidents of its own scenario, moved up to just before it; where a
scenario has none, that of the scenario whose load is most like the issue's; where there is none at all, the points
of the scenario's other issues. A scenario is the folder with graph.csv, or what lies two folders above an issue.
"""

import csv
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from statistics import median

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
    for folder in _issues(data):
        yield Case(id_of(data, folder), partial(_issue, data, folder))
    for path in _quiet_recordings(data):
        count = len(read(path).times)
        for number in range((count - count // 2) // WINDOW):
            yield Case(f"{id_of(data, path.parent)}/{number:03}", partial(_quiet, data, path, number))


@cache
def _quiet_recordings(data: Path) -> tuple[Path, ...]:
    folders = [
        folder for folder in folders_with(data, "metrics.csv") if not (folder / "target.json").exists()
    ]
    return tuple(folder / "metrics.csv" for folder in folders if _is_ours(folder / "metrics.csv"))


def _is_ours(path: Path) -> bool:
    with path.open(encoding="utf-8") as file:
        return file.readline().startswith("microservice,")


@cache
def _issues(data: Path) -> tuple[Path, ...]:
    return tuple(folders_with(data, "target.json", "metrics.csv"))


def _graph_above(folder: Path) -> Path | None:
    found = (above / "graph.csv" for above in list(folder.parents)[:3])
    return next((path for path in found if path.is_file()), None)


def _scenario(folder: Path) -> Path:
    """An issue lies two folders below its scenario, a quiet recording one or more."""
    graph = _graph_above(folder)
    if graph is not None:
        return graph.parent
    return folder.parents[1] if (folder / "target.json").exists() else folder.parent


def _graph_for(data: Path, folder: Path) -> Path | None:
    """The scenario's own graph, else that of any other scenario of the copy."""
    others = (_graph_above(other) for other in _issues(data))
    return _graph_above(folder) or next((path for path in others if path is not None), None)


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
                topology=_topology(_graph_for(data, folder)),
            )
        )
    )


def _quiet(data: Path, path: Path, number: int) -> Row:
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
                topology=_topology(_graph_for(data, path.parent)),
            )
        )
    )


def _normal_for(data: Path, folder: Path, during: Table) -> Table | None:
    def distance(path: Path) -> tuple[bool, float, str]:
        return _scenario(path.parent) != _scenario(folder), _apart(read(path), during), str(path)

    best = min(_quiet_recordings(data), key=distance, default=None)
    return read(best) if best is not None else _neighbours(data, folder)


def _apart(one: Table, other: Table) -> float:
    """How different the load of two recordings is: median factor of the request rates that both have."""
    factors = []
    for name in one.columns.keys() & other.columns.keys():
        if name[1] is Signal.REQUEST_RATE:
            usual, now = (_middle(table.columns[name]) for table in (one, other))
            if usual > 0 and now > 0:
                factors.append(abs(math.log(now / usual)))
    return median(factors) if factors else math.inf


def _middle(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return median(known) if known else 0.0


def _neighbours(data: Path, folder: Path) -> Table | None:
    """Points of the scenario's other issues, one after the other: each ails in one place only."""
    others = [other for other in _issues(data) if other != folder and _scenario(other) == _scenario(folder)]
    tables = [read(other / "metrics.csv") for other in others]
    count = sum(len(table.times) for table in tables)
    names = sorted({name for table in tables for name in table.columns})
    columns = {
        name: tuple(
            value for table in tables for value in table.columns.get(name, (None,) * len(table.times))
        )
        for name in names
    }
    return Table(tuple(STEP_S * place for place in range(count)), columns) if count else None


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
