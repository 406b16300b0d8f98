"""The service dependency graph: who calls whom, and what kind of thing each node is."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

OLD_H = 24.0


@dataclass(frozen=True)
class Topology:
    """`calls` maps a caller to its callees; `kinds` maps a node to service, database, cache, queue or external.

    `as_of` is the unix time of the reading; 0 means that no topology was ever read. `gaps` say what could not be read.
    """

    calls: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)
    as_of: float = 0.0
    gaps: tuple[str, ...] = ()

    def said_of_age(self, now: float) -> str:
        """What a reader must know of the map itself, in one sentence; empty for one that is whole and recent."""
        if not self.nodes():
            return "no map of who calls whom is known"
        if self.gaps:
            return f"the map lacks a part: {self.gaps[0]}"
        hours = (now - self.as_of) / 3600
        return f"the map of who calls whom is {hours:.0f} hours old" if self.as_of and hours >= OLD_H else ""

    def nodes(self) -> frozenset[str]:
        """Every node that appears as caller, callee or in `kinds`."""
        return self._nodes

    def callers(self) -> Mapping[str, tuple[str, ...]]:
        """The reverse graph: callee to its callers, in sorted order."""
        return self._callers

    # Asked for once per incident of a storm, over a graph that may have thousands of nodes.
    @cached_property
    def _nodes(self) -> frozenset[str]:
        named = set(self.calls) | set(self.kinds)
        for callees in self.calls.values():
            named.update(callees)
        return frozenset(named)

    @cached_property
    def _callers(self) -> Mapping[str, tuple[str, ...]]:
        reverse: dict[str, list[str]] = {}
        for caller in sorted(self.calls):
            for callee in self.calls[caller]:
                reverse.setdefault(callee, []).append(caller)
        return {callee: tuple(callers) for callee, callers in reverse.items()}

    def within(self, start: str, hops: int) -> frozenset[str]:
        """Nodes at most `hops` edges away from `start`, direction ignored, `start` included."""
        reverse = self.callers()
        seen = {start}
        frontier = deque([(start, 0)])
        while frontier:
            node, distance = frontier.popleft()
            if distance == hops:
                continue
            for neighbour in (*self.calls.get(node, ()), *reverse.get(node, ())):
                if neighbour not in seen:
                    seen.add(neighbour)
                    frontier.append((neighbour, distance + 1))
        return frozenset(seen)

    def path(self, start: str, goals: Iterable[str]) -> tuple[str, ...]:
        """Shortest call path from `start` down to any of `goals`; empty where there is none."""
        wanted = set(goals)
        parents: dict[str, str | None] = {start: None}
        frontier = deque([start])
        while frontier:
            node = frontier.popleft()
            if node in wanted:
                return _walk_back(parents, node)
            for callee in self.calls.get(node, ()):
                if callee not in parents:
                    parents[callee] = node
                    frontier.append(callee)
        return ()


def _walk_back(parents: Mapping[str, str | None], end: str) -> tuple[str, ...]:
    path: list[str] = []
    node: str | None = end
    while node is not None:
        path.append(node)
        node = parents[node]
    return tuple(reversed(path))
