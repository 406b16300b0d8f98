"""Two shops with spans, logs and metrics of every minute: a row of cases.json is a case and says when it was noticed.

Pods become services, spans are counted into calls as the product's trace source does, a service mesh's medians of
both ends of a call become edges of their own. What lies after the window of a case is never read into it.
"""

import csv
import gzip
import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path

from bot.domain.alert import Alert, AlertSeverity, AlertStatus
from bot.domain.calls import Calls, EdgeSeries, OperationSeries, PatternSeries
from bot.domain.log_patterns import LogPatterns
from bot.domain.logs.counting import counted
from bot.domain.spans import Counted, Span
from bot.domain.telemetry import LogLine, MetricSeries, Signal, Telemetry
from tests.bench.diagnose.case import Case, Row, folders_with, id_of, ranked, timed

HISTORY_S = 7200.0
WINDOW_S = 220.0  # What a responder waits for: three points of a minute each, with some delay.
STEP_S = 15.0
SIGNALS = {
    "CpuUsageRate(%)": (Signal.CPU, 0.01),
    "MemoryUsageRate(%)": (Signal.MEMORY, 0.01),
    "PodServerLatencyP90(s)": (Signal.LATENCY, 1.0),
    "PodWorkload(Ops)": (Signal.REQUEST_RATE, 1.0),
}
_WRAPPED = re.compile(r'""log"":""(.*?)(?:\\n)?"",""stream""')
_MESSAGE = re.compile(r'^.*"message": ?"(.*?)".*$')
_POD = re.compile(r"-[0-9a-f]{6,10}-[0-9a-z]{5}$")
Table = tuple[tuple[float, ...], dict[str, tuple[float, ...]]]


@dataclass(frozen=True, slots=True)
class Recording:
    """One day of one shop."""

    series: tuple[MetricSeries, ...]
    calls: tuple[Calls, ...]
    logs: LogPatterns


def cases(data: Path) -> Iterator[Case]:
    """Every row of every cases.json."""
    for folder in folders_with(data, "cases.json"):
        for number, row in enumerate(json.loads((folder / "cases.json").read_text(encoding="utf-8"))):
            name = str(row.get("id") or f"{id_of(data, folder)}/{number:02}")
            yield Case(name, partial(_run, folder, float(row["detected_at"])))


def _run(folder: Path, at: float) -> Row:
    return ranked(timed(telemetry_of(folder, at)))


def telemetry_of(folder: Path, at: float) -> Telemetry:
    """What could be read a few minutes after `at`."""
    day = recording(folder)
    start, end = at - HISTORY_S, at + WINDOW_S
    return Telemetry(
        opened_at=at,
        now=end,
        alerts=(_noticed(at),),
        series=tuple(one for series in day.series for one in _cut_series(series, start, end)),
        calls=tuple(cut(calls, start, end) for calls in day.calls),
        log_patterns=(_cut_logs(day.logs, start, end),),
    )


def _noticed(at: float) -> Alert:
    """Somebody noticed; the recording does not say at which service."""
    return Alert(
        "noticed",
        "recording",
        "noticed",
        AlertStatus.FIRING,
        AlertSeverity.CRITICAL,
        "",
        "users complain",
        at,
        at,
    )


@cache
def recording(folder: Path) -> Recording:
    """A day's files, read once."""
    metrics = sorted(folder.rglob("*_metric.csv.gz"))
    found = (_spans(folder), _mesh(folder))
    return Recording(
        tuple(series for path in metrics for series in _pod_series(path)),
        tuple(c for c in found if c),
        counted(_lines(folder), step_s=STEP_S),
    )


def service_of(pod: str) -> str:
    """A pod's name without what its replica set appended."""
    return _POD.sub("", pod)


def _rows(path: Path) -> Iterator[list[str]]:
    with gzip.open(path, "rt", encoding="utf-8", errors="replace", newline="") as lines:
        yield from csv.reader(lines)


def _table(path: Path) -> Table:
    rows = _rows(path)
    header = [name.strip() for name in next(rows)]
    clock = next(place for place, name in enumerate(header) if name.lower() == "time")
    times: list[float] = []
    columns: dict[str, list[float]] = {name: [] for name in header}
    for row in rows:
        if len(row) == len(header):
            times.append(datetime.fromisoformat(row[clock][:19]).replace(tzinfo=UTC).timestamp())
            for name, value in zip(header, row, strict=True):
                columns[name].append(_number(value))
    return tuple(times), {name: tuple(values) for name, values in columns.items()}


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _pod_series(path: Path) -> Iterator[MetricSeries]:
    times, columns = _table(path)
    service = service_of(path.name.removesuffix("_metric.csv.gz"))
    for name, (signal, scale) in SIGNALS.items():
        points = [
            (at, value * scale)
            for at, value in zip(times, columns.get(name, ()), strict=False)
            if math.isfinite(value)
        ]
        if points:
            yield MetricSeries(service, signal, tuple(a for a, _ in points), tuple(v for _, v in points))


def _spans(folder: Path) -> Calls | None:
    """All spans of the day, trace by trace; a trace may go on in the next minute's file."""
    spans_of = Counted(STEP_S)
    open_traces: dict[str, list[Span]] = {}
    paths = sorted(folder.rglob("*_trace.csv.gz"))
    for path in paths:
        fresh: dict[str, list[Span]] = {}
        for row in _rows(path):
            span = _span(row)
            if span is not None:
                fresh.setdefault(span.trace, []).append(span)
        for trace in open_traces.keys() - fresh.keys():
            spans_of.add(open_traces[trace])
        open_traces = {trace: [*open_traces.get(trace, ()), *spans] for trace, spans in fresh.items()}
    for spans in open_traces.values():
        spans_of.add(spans)
    return spans_of.calls() if paths else None


def _span(row: Sequence[str]) -> Span | None:
    if len(row) < 8 or not row[-2].strip().isdigit():
        return None
    parent = "" if row[2] == "root" else row[2]
    name = ",".join(row[4:-3])
    return Span(row[0], row[1], parent, service_of(row[3]), name, int(row[-3]) / 1e9, int(row[-2]) / 1e9)


def _mesh(folder: Path) -> Calls | None:
    """Medians of both ends of every call, as the proxies beside the pods saw them."""
    source = next(iter(sorted(folder.rglob("source_50.csv.gz"))), None)
    if source is None or not (source.parent / "destination_50.csv.gz").is_file():
        return None
    times, near = _table(source)
    _times, far = _table(source.parent / "destination_50.csv.gz")
    edges = []
    for name in sorted(near.keys() & far.keys()):
        caller, _, callee = name.partition("_")
        count = min(len(near[name]), len(far[name]))
        if callee:
            here, there = near[name][:count], far[name][:count]
            seen = tuple(float(math.isfinite(value)) for value in here)
            edges.append(EdgeSeries(caller, callee, times[:count], seen, here, there))
    return Calls(60.0, tuple(edges))


def _lines(folder: Path) -> Iterator[LogLine]:
    """Log lines; the container runtime's wrapping is taken off, its quotes are broken in places."""
    for path in sorted(folder.rglob("*_log.csv.gz")):
        with gzip.open(path, "rt", encoding="utf-8", errors="replace") as rows:
            for row in rows:
                fields = row.split(",", 7)
                if len(fields) == 8 and fields[1].isdigit():
                    yield LogLine(service_of(fields[3]), int(fields[1]) / 1e9, _text(fields[7]))


def _text(field: str) -> str:
    found = _WRAPPED.search(field)
    text = (found.group(1) if found else field).replace('\\""', '"').replace('""', '"')
    return _MESSAGE.sub(r"\1", text)


def _cut_logs(logs: LogPatterns, start: float, end: float) -> LogPatterns:
    part = _window(logs.patterns[0].times, start, end) if logs.patterns else slice(0, 0)
    return LogPatterns(
        logs.step_s,
        tuple(
            replace(one, times=one.times[part], lines=one.lines[part])
            for one in logs.patterns
            if any(one.lines[part])
        ),
    )


def _window(times: Sequence[float], start: float, end: float) -> slice:
    inside = [place for place, at in enumerate(times) if start <= at <= end]
    return slice(inside[0], inside[-1] + 1) if inside else slice(0, 0)


def _cut_series(series: MetricSeries, start: float, end: float) -> Iterator[MetricSeries]:
    part = _window(series.times, start, end)
    if series.times[part]:
        yield replace(series, times=series.times[part], values=series.values[part])


def cut(calls: Calls, start: float, end: float) -> Calls:
    """Only the steps that lie inside a window; what never happened there is left out."""
    parts = {one.times: _window(one.times, start, end) for one in calls.edges[:1] + calls.operations[:1]}

    def part(one: EdgeSeries | OperationSeries | PatternSeries) -> slice:
        if one.times not in parts:
            parts[one.times] = _window(one.times, start, end)
        return parts[one.times]

    return Calls(
        calls.step_s,
        tuple(_cut_edge(one, part(one)) for one in calls.edges if any(one.calls[part(one)])),
        tuple(_cut_operation(one, part(one)) for one in calls.operations if any(one.calls[part(one)])),
        tuple(
            replace(one, times=one.times[part(one)], calls=one.calls[part(one)])
            for one in calls.patterns
            if any(one.calls[part(one)])
        ),
    )


def _cut_edge(one: EdgeSeries, part: slice) -> EdgeSeries:
    return replace(
        one,
        times=one.times[part],
        calls=one.calls[part],
        caller_s=one.caller_s[part],
        callee_s=one.callee_s[part],
        gap_s=one.gap_s[part],
    )


def _cut_operation(one: OperationSeries, part: slice) -> OperationSeries:
    return replace(
        one,
        times=one.times[part],
        calls=one.calls[part],
        own_s=one.own_s[part],
        failed=one.failed[part],
    )
