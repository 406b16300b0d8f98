"""Calls between services as traces or a service graph show them, counted over short steps of time.

What a source returns before anybody judges it; single spans become these in `domain/spans`. Each value covers the
step that ends at its time. Durations are seconds; one that was not measured (no call in the step) is not a number.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EdgeSeries:
    """Calls of one service by another: how many in each step, and how long each side says that they took.

    `caller_s` is what the caller waited, `callee_s` what the callee worked, `gap_s` the median difference of the two
    where single calls were seen; all of equal length with `times`.
    """

    caller: str
    callee: str
    times: tuple[float, ...]
    calls: tuple[float, ...]
    caller_s: tuple[float, ...]
    callee_s: tuple[float, ...]
    gap_s: tuple[float, ...] = ()
    link: str = ""


@dataclass(frozen=True, slots=True)
class OperationSeries:
    """One operation of one service: how often it ran, its own time (callees taken off), failures of its own making."""

    service: str
    operation: str
    times: tuple[float, ...]
    calls: tuple[float, ...]
    own_s: tuple[float, ...]
    failed: tuple[float, ...]
    link: str = ""


@dataclass(frozen=True, slots=True)
class PatternSeries:
    """How often an operation took exactly these steps (names of what it did or called, in order of first start)."""

    service: str
    operation: str
    steps: tuple[str, ...]
    times: tuple[float, ...]
    calls: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Calls:
    """Everything about calls that one source read; `step_s` is the length of its steps in seconds."""

    step_s: float = 60.0
    edges: tuple[EdgeSeries, ...] = ()
    operations: tuple[OperationSeries, ...] = ()
    patterns: tuple[PatternSeries, ...] = ()


def graph_of(parts: Iterable[Calls]) -> dict[str, tuple[str, ...]]:
    """Who calls whom according to all that was read: caller -> callees, sorted."""
    found: dict[str, set[str]] = {}
    for part in parts:
        for edge in part.edges:
            found.setdefault(edge.caller, set()).add(edge.callee)
    return {caller: tuple(sorted(found[caller])) for caller in sorted(found)}
