"""Single spans counted into calls: edges between services, own time of operations, the steps that they take.

Pure and bounded: what a tracing back end returns goes in, `Calls` comes out. It judges nothing.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from bot.domain.calls import Calls, EdgeSeries, OperationSeries, PatternSeries

MOST_STEPS = 24  # Different steps of one pattern; more are cut.
MOST_OPERATIONS = 2000  # The busiest are kept.
MOST_PATTERNS = 50  # For each operation; rarer ones are counted as OTHER.
OTHER = ("...",)
_VARIABLE = re.compile(r"(?<![A-Za-z])[0-9a-f-]*\d[0-9a-f-]*(?![A-Za-z])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Span:
    """One span as a tracing back end tells it; `parent` is empty for a root. Times are unix seconds."""

    trace: str
    id: str
    parent: str
    service: str
    operation: str
    start_at: float
    end_at: float
    failed: bool = False


@dataclass(slots=True)
class _Bin:
    """Samples of one thing in one step."""

    count: float = 0.0
    failed: float = 0.0
    first: list[float] = field(default_factory=list)
    second: list[float] = field(default_factory=list)
    gap: list[float] = field(default_factory=list)


Key = tuple[str, ...]
Bins = dict[Key, dict[int, _Bin]]


@dataclass(slots=True)
class Counted:
    """Running counts; spans may be added trace by trace or in any number of batches of whole traces."""

    step_s: float = 30.0
    edges: Bins = field(default_factory=dict)
    operations: Bins = field(default_factory=dict)
    patterns: Bins = field(default_factory=dict)
    steps: set[int] = field(default_factory=set)

    def add(self, spans: Iterable[Span]) -> None:
        """Count whole traces; a span whose parent is not among them counts as a root."""
        known = {(span.trace, span.id): span for span in spans}
        children: dict[tuple[str, str], list[Span]] = {}
        for span in known.values():
            if span.parent and (span.trace, span.parent) in known:
                children.setdefault((span.trace, span.parent), []).append(span)
        for place, span in known.items():
            self._count(span, children.get(place, ()), known.get((span.trace, span.parent)))

    def _count(self, span: Span, children: Sequence[Span], parent: Span | None) -> None:
        step = math.floor(span.start_at / self.step_s)
        self.steps.add(step)
        name = named(span.operation)
        lasted = span.end_at - span.start_at
        if parent is not None and parent.service != span.service:
            edge = _bin(self.edges, (parent.service, span.service), step)
            waited = parent.end_at - parent.start_at
            edge.count += 1
            edge.first.append(waited)
            edge.second.append(lasted)
            edge.gap.append(waited - lasted)
        operation = _bin(self.operations, (span.service, name), step)
        operation.count += 1
        operation.failed += span.failed and not any(child.failed for child in children)
        if not any(child.service != span.service for child in children):
            operation.first.append(lasted - _covered(span, children))
        _bin(self.patterns, (span.service, name, *_steps_of(children)), step).count += 1

    def calls(self) -> Calls:
        """What was counted so far."""
        steps = sorted(self.steps)
        times = tuple((step + 1) * self.step_s for step in steps)
        busiest = sorted(self.operations, key=lambda key: (-_total(self.operations[key]), key))
        kept = set(busiest[:MOST_OPERATIONS])
        return Calls(
            self.step_s,
            tuple(
                EdgeSeries(
                    caller, callee, times, _counts(bins, steps), _medians(bins, steps, "first"),
                    _medians(bins, steps, "second"), _medians(bins, steps, "gap"),
                )
                for (caller, callee), bins in sorted(self.edges.items())
            ),
            tuple(
                OperationSeries(
                    service, name, times, _counts(bins, steps), _medians(bins, steps, "first"),
                    tuple(bins[step].failed if step in bins else 0.0 for step in steps),
                )
                for (service, name), bins in sorted(self.operations.items())
                if (service, name) in kept
            ),
            tuple(self._pattern_series(steps, times, kept)),
        )  # fmt: skip

    def _pattern_series(
        self, steps: Sequence[int], times: tuple[float, ...], kept: set[Key]
    ) -> Iterable[PatternSeries]:
        groups: dict[Key, list[Key]] = {}
        for key in self.patterns:
            groups.setdefault(key[:2], []).append(key)
        for owner in sorted(groups.keys() & kept):
            ordered = sorted(groups[owner], key=lambda key: (-_total(self.patterns[key]), key))
            for key in ordered[:MOST_PATTERNS]:
                yield PatternSeries(owner[0], owner[1], key[2:], times, _counts(self.patterns[key], steps))
            rest = [self.patterns[key] for key in ordered[MOST_PATTERNS:]]
            if rest:
                sums = tuple(sum(b[step].count for b in rest if step in b) for step in steps)
                yield PatternSeries(owner[0], owner[1], OTHER, times, sums)


def calls_of(spans: Iterable[Span], *, step_s: float = 30.0) -> Calls:
    """Calls that a batch of whole traces shows."""
    counted = Counted(step_s)
    counted.add(spans)
    return counted.calls()


def named(operation: str) -> str:
    """An operation's name without ids and numbers, so that one route is one operation."""
    return _VARIABLE.sub("*", operation)[:120]


def _steps_of(children: Sequence[Span]) -> tuple[str, ...]:
    ordered = sorted(children, key=lambda child: (child.start_at, child.operation))
    return tuple(dict.fromkeys(named(child.operation) for child in ordered))[:MOST_STEPS]


def _covered(span: Span, children: Sequence[Span]) -> float:
    """Seconds of a span during which at least one child ran."""
    covered, until = 0.0, span.start_at
    for child in sorted(children, key=lambda child: child.start_at):
        begin, end = max(child.start_at, until), min(child.end_at, span.end_at)
        if end > begin:
            covered += end - begin
            until = end
    return covered


def _bin(bins: Bins, key: Key, step: int) -> _Bin:
    return bins.setdefault(key, {}).setdefault(step, _Bin())


def _total(bins: Mapping[int, _Bin]) -> float:
    return sum(one.count for one in bins.values())


def _counts(bins: Mapping[int, _Bin], steps: Sequence[int]) -> tuple[float, ...]:
    return tuple(bins[step].count if step in bins else 0.0 for step in steps)


def _medians(bins: Mapping[int, _Bin], steps: Sequence[int], side: str) -> tuple[float, ...]:
    return tuple(_median(getattr(bins[step], side)) if step in bins else math.nan for step in steps)


def _median(values: Sequence[float]) -> float:
    return median(values) if values else math.nan
