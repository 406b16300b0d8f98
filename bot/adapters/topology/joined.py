"""Several sources of the dependency graph as one: what one does not know or cannot say now, the others do."""

from collections.abc import Sequence
from dataclasses import replace

from bot.domain.errors import WatchkeeperError
from bot.domain.topology import Topology
from bot.ports import TopologySource


class JoinedTopology:
    """Edges of all sources; a kind that is more than `service` wins. Its age is that of the newest part."""

    name = "joined_topology"

    def __init__(self, sources: Sequence[TopologySource]) -> None:
        self._sources = tuple(sources)
        self._parts: tuple[Topology, ...] = ()
        self._joined = Topology()

    def topology(self, *, now: float, fresh: bool = False) -> Topology:
        """The graph of every source that answers; raises what the last one raised where none does."""
        parts: list[Topology] = []
        failed: WatchkeeperError | None = None
        gaps: list[str] = []
        for source in self._sources:
            try:
                parts.append(source.topology(now=now, fresh=fresh))
            except WatchkeeperError as error:
                failed = error
                gaps.append(str(error))
        if not parts and failed is not None:
            raise failed
        if len(parts) != len(self._parts) or any(a is not b for a, b in zip(parts, self._parts, strict=True)):
            self._parts, self._joined = tuple(parts), replace(_join(parts), gaps=tuple(gaps))
        return self._joined


def _join(parts: Sequence[Topology]) -> Topology:
    calls: dict[str, set[str]] = {}
    kinds: dict[str, str] = {}
    for part in parts:
        for caller, callees in part.calls.items():
            calls.setdefault(caller, set()).update(callees)
        for name, kind in part.kinds.items():
            if kinds.get(name, "service") == "service":
                kinds[name] = kind
    edges = {name: tuple(sorted(calls[name])) for name in sorted(calls)}
    return Topology(edges, kinds, max((part.as_of for part in parts), default=0.0))


def joined(sources: Sequence[TopologySource]) -> TopologySource | None:
    """One source for all of them; None where there is none."""
    return sources[0] if len(sources) == 1 else JoinedTopology(sources) if sources else None
