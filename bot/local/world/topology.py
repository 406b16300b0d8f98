"""The drawn system: services, databases, caches and queues, and who calls whom. Pure: a random source in, data out."""

import itertools
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Literal

Runtime = Literal["deployment", "ecs", "managed"]
NodeKind = Literal["service", "database", "cache", "queue"]
_NAMES = Path(__file__).parent.parent / "scenarios" / "names.json"


@dataclass(frozen=True)
class Node:
    """One service or store, with its normal values (rates in 1/s, latency in seconds, utilisation 0..1)."""

    name: str
    kind: NodeKind
    runtime: Runtime
    replicas: int
    rate: float
    error: float
    latency: float
    cpu: float
    memory: float
    connections: float = 0.0
    queue_depth: float = 0.0


@dataclass(frozen=True)
class Edge:
    """`client` calls `server`; errors flow back over it diluted by `weight`."""

    client: str
    server: str
    connection_type: str
    weight: float
    calls: float


@dataclass(frozen=True)
class Topology:
    """All nodes and edges; acyclic from entries to stores."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    entries: tuple[str, ...]
    leaves: tuple[str, ...]

    def node(self, name: str) -> Node:
        """The node of that name."""
        return next(node for node in self.nodes if node.name == name)

    def services(self) -> tuple[Node, ...]:
        """The nodes that run code of ours."""
        return tuple(node for node in self.nodes if node.kind == "service")

    def callers(self, name: str) -> tuple[Edge, ...]:
        """The edges that end at the node."""
        return tuple(edge for edge in self.edges if edge.server == name)

    def sufferers(self, name: str) -> tuple[Edge, ...]:
        """The edges over which trouble of the node spreads: a queue holds it back."""
        return () if self.node(name).kind == "queue" else self.callers(name)

    def distances(self, origin: str) -> dict[str, int]:
        """Hops from each node that suffers from the origin's trouble; the origin itself is 0."""
        found = {origin: 0}
        frontier = [origin]
        while frontier:
            reached = [e.client for name in frontier for e in self.sufferers(name) if e.client not in found]
            depth = found[frontier[0]] + 1
            found.update(dict.fromkeys(reached, depth))
            frontier = list(dict.fromkeys(reached))
        return found


@cache
def words(kind: str) -> tuple[str, ...]:
    """One of the neutral word lists."""
    return tuple(json.loads(_NAMES.read_text(encoding="utf-8"))[kind])


@dataclass
class _Draft:
    """Names by layer and edges while they are drawn."""

    layers: tuple[list[str], list[str], list[str], list[str]]
    databases: list[str]
    caches: list[str]
    queue: str
    edges: dict[tuple[str, str], str]

    def link(self, client: str, server: str, kind: str = "") -> None:
        self.edges.setdefault((client, server), kind)


def draw_topology(random: Random, *, ecs: int = 3, busiest_leaf_share: float = 0.75) -> Topology:
    """Draw 19 to 23 nodes in four layers over stores; the first leaf is called by most of the inner services.

    The first entry and `ecs - 1` inner or leaf services run on ECS, but never the first leaf.
    """
    draft = _draw_names(random)
    _draw_edges(random, draft, busiest_leaf_share)
    entries, _, inners, leaves = draft.layers
    on_ecs = {entries[0], *random.sample([*inners, *leaves[1:]], ecs - 1)}
    rates = _flow(random, draft)
    nodes = [
        _service(random, name, rates[name], on_ecs=name in on_ecs) for layer in draft.layers for name in layer
    ]
    nodes += [_store(random, name, "database", rates[name]) for name in draft.databases]
    nodes += [_store(random, name, "cache", rates[name]) for name in draft.caches]
    nodes.append(_store(random, draft.queue, "queue", rates[draft.queue]))
    edges = tuple(
        Edge(
            client,
            server,
            kind,
            round(random.uniform(0.62, 0.85), 3),
            rates[server] / _inflow(draft, rates, server),
        )
        for (client, server), kind in draft.edges.items()
    )
    return Topology(tuple(nodes), edges, tuple(entries), tuple(leaves))


def _draw_names(random: Random) -> _Draft:
    middle, inner = random.randint(6, 7), random.randint(4, 5)
    subjects = random.sample(words("subjects"), middle + inner + 3)
    named = [f"{subject}-{random.choice(words('roles'))}" for subject in subjects]
    entries = random.sample(words("entries"), 2)
    layers = (entries, named[:middle], named[middle : middle + inner], named[middle + inner :])
    databases = random.sample(words("databases"), 2)
    caches = random.sample(words("caches"), random.randint(1, 2))
    return _Draft(layers, databases, caches, random.choice(words("queues")), {})


def _draw_edges(random: Random, draft: _Draft, share: float) -> None:
    entries, middles, inners, leaves = draft.layers
    for index, name in enumerate(middles):
        draft.link(entries[index % 2], name)
        if random.random() < 0.4:
            draft.link(entries[1 - index % 2], name)
        for server in random.sample(inners, 2):
            draft.link(name, server)
    for index, name in enumerate(inners):
        if random.random() < share or index < 2:
            draft.link(name, leaves[0])
        draft.link(name, leaves[1 + index % 2])
        draft.link(name, draft.databases[index % 2], "database")
    for name, database in zip(leaves, (*draft.databases, random.choice(draft.databases)), strict=True):
        draft.link(name, database, "database")
    for cache_name, name in itertools.product(draft.caches, random.sample(middles, 2)):
        draft.link(name, cache_name, "database")
    # A queue "calls" its consumer: trouble of the consumer shows as backlog of the queue, as errors flow to callers.
    draft.link(middles[0], draft.queue, "messaging_system")
    draft.link(draft.queue, inners[0], "messaging_system")
    _widen(draft, leaves[0])


def _widen(draft: _Draft, leaf: str) -> None:
    """Make the first leaf a dependency of at least eleven services, so that its trouble is a storm."""
    _, middles, inners, _ = draft.layers
    for name in [*inners, *middles]:
        callers = _ancestors(draft, leaf)
        if sum(caller != draft.queue for caller in callers) >= 11:
            return
        if name not in callers:
            draft.link(name, leaf)


def _ancestors(draft: _Draft, origin: str) -> set[str]:
    found: set[str] = set()
    frontier = {origin}
    while frontier:
        frontier = {c for c, s in draft.edges if s in frontier and s != draft.queue} - found
        found |= frontier
    return found


def _order(draft: _Draft) -> Iterable[str]:
    for layer in draft.layers[:2]:
        yield from layer
    yield draft.queue
    for layer in (*draft.layers[2:], draft.databases, draft.caches):
        yield from layer


def _flow(random: Random, draft: _Draft) -> dict[str, float]:
    """Request rates, from the entries down: each client spreads its own rate over what it calls."""
    rates: dict[str, float] = {}
    for name in _order(draft):
        if name in draft.layers[0]:
            rates[name] = round(random.uniform(60, 180), 1)
        else:
            rates[name] = round(max(4.0, _inflow(draft, rates, name) * random.uniform(0.35, 0.6)), 1)
    return rates


def _inflow(draft: _Draft, rates: dict[str, float], server: str) -> float:
    return sum(rates[c] for c, s in draft.edges if s == server) or 1.0


def _service(random: Random, name: str, rate: float, *, on_ecs: bool) -> Node:
    return Node(
        name=name,
        kind="service",
        runtime="ecs" if on_ecs else "deployment",
        replicas=random.randint(4, 6) if on_ecs else random.randint(7, 11),
        rate=rate,
        error=random.uniform(0.001, 0.004),
        latency=random.uniform(0.06, 0.28),
        cpu=random.uniform(0.22, 0.42),
        memory=random.uniform(0.4, 0.62),
    )


def _store(random: Random, name: str, kind: Literal["database", "cache", "queue"], rate: float) -> Node:
    return Node(
        name=name,
        kind=kind,
        runtime="managed",
        replicas=1,
        rate=rate,
        error=random.uniform(0.0003, 0.001),
        latency=random.uniform(0.002, 0.004) if kind == "cache" else random.uniform(0.006, 0.02),
        cpu=random.uniform(0.25, 0.4),
        memory=random.uniform(0.5, 0.7),
        connections=random.uniform(0.3, 0.45) if kind == "database" else 0.0,
        queue_depth=random.uniform(10, 40) if kind == "queue" else 0.0,
    )
