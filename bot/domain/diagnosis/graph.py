"""The dependency graph as blame may walk it: observer-side nodes set apart, cycles harmless.

An observer-side node is a name that callers use for what they dialled (an address, a client, something outside):
it repeats its caller's view and has no view of its own, so blame must not end there while a real node explains.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from bot.domain.diagnosis import tuning
from bot.domain.topology import Topology

SHARED_KINDS = frozenset({"database", "cache", "queue"})
OBSERVED_KINDS = frozenset({"external", "client"})
_ADDRESS = re.compile(
    r"(\d{1,3}(\.\d{1,3}){3}|[a-z0-9-]+(\.[a-z0-9-]+)+\.(?!svc|local|internal)[a-z]{2,})([:_]\w+)?",
    re.IGNORECASE,
)
# How tracers name the far side of a call that was seen from one end only; no workload may bear an underscore.
_FAR_SIDE = re.compile(r".+_remote", re.IGNORECASE)
_NEAR_SIDE = re.compile(r".+_client", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Graph:
    """`calls` and `callers` between real nodes; `observed` are the observer-side ones, judged only as a last resort.

    `cycle` numbers the strongly connected parts.
    """

    calls: Mapping[str, tuple[str, ...]]
    callers: Mapping[str, tuple[str, ...]]
    kinds: Mapping[str, str]
    observed: frozenset[str]
    cycle: Mapping[str, int] = field(default_factory=dict)

    def in_cycle(self, one: str, other: str) -> bool:
        """Whether each of two nodes calls the other, directly or not."""
        return one in self.cycle and self.cycle[one] == self.cycle.get(other)

    def kind(self, service: str) -> str:
        """Kind of a node; service where nobody said otherwise."""
        return self.kinds.get(service, "service")

    def shared(self, service: str) -> bool:
        """Whether it is a resource that several clients load."""
        return self.kind(service) in SHARED_KINDS

    def dependants(self, service: str, unwell: Collection[str]) -> tuple[str, ...]:
        """Unwell direct and indirect callers, over at most SILENT_HOPS silent ones in a row, nearest first."""
        most = tuning.SILENT_HOPS
        silent = {service: 0}
        todo = [service]
        found: list[str] = []
        callers_of, passed = self.callers.get, silent.get
        for node in todo:
            beyond = silent[node] + 1
            for caller in callers_of(node, ()):
                if passed(caller) == 0:
                    continue
                if caller in unwell:
                    found.append(caller)
                    silent[caller] = 0
                elif beyond <= most and passed(caller, beyond + 1) > beyond:
                    silent[caller] = beyond
                else:
                    continue
                todo.append(caller)
        return tuple(found)

    def reachable(self, start: str) -> frozenset[str]:
        """Everything that `start` calls directly or indirectly, itself only where there is a cycle."""
        seen: set[str] = set()
        todo = [start]
        while todo:
            for callee in self.calls.get(todo.pop(), ()):
                if callee not in seen:
                    seen.add(callee)
                    todo.append(callee)
        return frozenset(seen)


def cleaned(topology: Topology) -> Graph:
    """Set observer-side nodes apart; a client-side alias between two real nodes is bridged."""
    nodes = topology.nodes()
    upwards = topology.callers()
    observed = frozenset(node for node in nodes if _observer_side(node, topology, called=node in upwards))
    calls = {
        caller: tuple(dict.fromkeys(_real_callees(caller, topology, observed)))
        for caller in sorted(nodes - observed)
    }
    callers: dict[str, list[str]] = {}
    for caller, callees in calls.items():
        for callee in callees:
            callers.setdefault(callee, []).append(caller)
    for node, found in upwards.items():
        if node in observed:
            callers[node] = [caller for caller in found if caller not in observed]
    upward = {node: tuple(found) for node, found in callers.items()}
    return Graph(calls, upward, topology.kinds, observed, _strong_parts(calls, upward))


def _strong_parts(
    calls: Mapping[str, tuple[str, ...]], callers: Mapping[str, tuple[str, ...]]
) -> dict[str, int]:
    """Number of the strongly connected part of each node (Kosaraju: finish order down, then collect upwards)."""
    order: list[str] = []
    seen: set[str] = set()
    for root in calls:
        todo = [(root, False)]
        while todo:
            node, finished = todo.pop()
            if finished:
                order.append(node)
            elif node not in seen:
                seen.add(node)
                todo.append((node, True))
                todo.extend((callee, False) for callee in calls.get(node, ()))
    parts: dict[str, int] = {}
    for number, root in enumerate(reversed(order)):
        upwards = [root]
        while upwards:
            node = upwards.pop()
            if node in seen and node not in parts:
                parts[node] = number
                upwards.extend(callers.get(node, ()))
    return parts


def _observer_side(node: str, topology: Topology, *, called: bool) -> bool:
    """By kind where it is known, else by name and place: a far side calls nobody, a near side is called by nobody."""
    kind = topology.kinds.get(node, "")
    if kind in OBSERVED_KINDS:
        return True
    if kind not in ("", "service"):
        return False
    if not topology.calls.get(node):
        return _ADDRESS.fullmatch(node) is not None or _FAR_SIDE.fullmatch(node) is not None
    return not called and _NEAR_SIDE.fullmatch(node) is not None


def _real_callees(caller: str, topology: Topology, observed: frozenset[str]) -> list[str]:
    found: list[str] = []
    seen: set[str] = set()
    todo = list(topology.calls.get(caller, ()))
    while todo:
        callee = todo.pop(0)
        if callee in seen:
            continue
        seen.add(callee)
        if callee in observed:
            todo.extend(topology.calls.get(callee, ()))
        elif callee != caller:
            found.append(callee)
    return found
