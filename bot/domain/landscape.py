"""The dependency graph as the search for a cause needs it: callers, levels, and how likely an unknown edge is.

No map is complete. Callers stand above what they call, so each service gets a level that its known edges agree on best,
and an edge that the map does not show is as likely as known edges are between such levels.
"""

import math
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from bot.domain.topology import Topology

SWEEPS = 24
STEP = 0.5  # Levels are compared in halves.
UNKNOWN_SHARE = 0.1  # Of the edges that there are, about so many does the map not show.
_RESERVE = 0.05  # What an edge between levels that no known edge joins still counts, against the average.


@dataclass(frozen=True, slots=True)
class Landscape:
    """`callers` by callee; `level` in halves, callers above callees; `unknown_edge` by how far it leads down."""

    callers: Mapping[str, tuple[str, ...]]
    callees: Mapping[str, tuple[str, ...]]
    level: Mapping[str, int]
    unknown_edge: Mapping[int, float]

    def above(self, service: str) -> set[str]:
        """The service and all that call it, directly or not."""
        seen = {service}
        todo = [service]
        while todo:
            fresh = [caller for caller in self.callers.get(todo.pop(), ()) if caller not in seen]
            seen.update(fresh)
            todo.extend(fresh)
        return seen

    def chance_of_edge(self, caller: str, callees: Mapping[int, int]) -> float:
        """How likely the map lacks an edge from `caller` to one of the services counted by level."""
        level = self.level.get(caller, 0)
        edge = self.unknown_edge.get
        found = math.fsum([number * edge(level - at, 0.0) for at, number in callees.items()])
        return min(0.5, found)


class _Same:
    """A graph as a key: the same one, or one that was read anew and says the same."""

    __slots__ = ("topology",)

    def __init__(self, topology: Topology) -> None:
        self.topology = topology

    def __hash__(self) -> int:
        return len(self.topology.calls)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Same):
            return False
        mine, theirs = self.topology, other.topology
        return mine is theirs or (mine.calls == theirs.calls and mine.kinds.keys() == theirs.kinds.keys())


def landscape_of(topology: Topology) -> Landscape:
    """The landscape of a graph; the last few are kept."""
    return _landscape(_Same(topology))


@lru_cache(maxsize=4)
def _landscape(same: _Same) -> Landscape:
    topology = same.topology
    callers = topology.callers()
    level = _levels(topology, callers)
    return Landscape(callers, topology.calls, level, _unknown_edges(topology, level))


def _levels(topology: Topology, callers: Mapping[str, tuple[str, ...]]) -> dict[str, int]:
    """Levels whose differences along known edges are as near to one as can be (least squares, swept)."""
    height: dict[str, float] = {}
    nodes = sorted(topology.nodes())
    for node in nodes:
        if node not in height:
            _place_component(node, topology.calls, callers, height)
    near = [(node, topology.calls.get(node, ()), callers.get(node, ())) for node in nodes]
    linked = [(node, below, over, len(below), len(over)) for node, below, over in near if below or over]
    height_of = height.__getitem__
    for _ in range(SWEEPS):
        for node, below, over, down, up in linked:
            wanted = sum(map(height_of, below)) + down
            wanted += sum(map(height_of, over)) - up
            height[node] = wanted / (down + up)
    return {node: round(value / STEP) for node, value in height.items()}


def _place_component(
    start: str,
    calls: Mapping[str, tuple[str, ...]],
    callers: Mapping[str, tuple[str, ...]],
    height: dict[str, float],
) -> None:
    """One connected part, one step per edge, its middle at zero."""
    part = {start: 0.0}
    todo = deque([start])
    while todo:
        node = todo.popleft()
        near = [(one, -1.0) for one in calls.get(node, ())] + [(one, 1.0) for one in callers.get(node, ())]
        for one, step in near:
            if one not in part:
                part[one] = part[node] + step
                todo.append(one)
    middle = sum(part.values()) / len(part)
    height.update((node, value - middle) for node, value in part.items())


def _unknown_edges(topology: Topology, level: Mapping[str, int]) -> dict[int, float]:
    """For each step down: known edges to possible ones, times the share that is unknown."""
    edges = Counter(
        level[caller] - level[callee] for caller in topology.calls for callee in topology.calls[caller]
    )
    at = Counter(level.values())
    pairs: Counter[int] = Counter()
    for high, some in at.items():
        for low, others in at.items():
            pairs[high - low] += some * others
    usual = _RESERVE * sum(edges.values()) / max(1, len(pairs))
    return {step: UNKNOWN_SHARE * (edges[step] + usual) / (number + 1) for step, number in pairs.items()}
