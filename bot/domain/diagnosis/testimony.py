"""Testimony: all clues of an incident by service, and how they overrule what was inferred along the graph.

A service whose calls were seen from both sides is judged by its clues: what it suffers from its callees is known
there, so it need not be guessed from the shape of the graph. Where nobody saw calls, nothing changes.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod

from bot.domain.calls import Calls, graph_of
from bot.domain.diagnosis import tuning
from bot.domain.diagnosis.clues import Clue, ClueKind
from bot.domain.diagnosis.edges import network_clues, silence_clues
from bot.domain.diagnosis.log_clues import log_clues
from bot.domain.diagnosis.operations import failure_clues, own_time_clues
from bot.domain.diagnosis.resources import resource_clues, usual_levels
from bot.domain.diagnosis.steps import step_clues
from bot.domain.diagnosis.symptoms import Route, ServiceState
from bot.domain.diagnosis.window import Window
from bot.domain.log_patterns import LogPatterns
from bot.domain.telemetry import MetricSeries, Signal
from bot.domain.topology import Topology

LOADED = (ClueKind.NETWORK, ClueKind.OWN_TIME)  # Slowness: what more demand explains.
BROKEN_OFF = (ClueKind.STEPS, ClueKind.LOG, ClueKind.SILENCE)  # What a slow callee explains in its callers.


@dataclass(frozen=True, slots=True)
class Testimony:
    """Clues of each service, strongest first; `heard` are the services whose calls were seen at all.

    `usual` are the sorted levels of each utilisation before the symptom.
    """

    clues: Mapping[str, tuple[Clue, ...]] = field(default_factory=dict)
    heard: frozenset[str] = frozenset()
    usual: Mapping[tuple[str, Signal], Sequence[float]] = field(default_factory=dict)

    def of(self, service: str) -> tuple[Clue, ...]:
        """Clues that point at a service."""
        return self.clues.get(service, ())

    def weight(
        self, service: str, state: ServiceState | None, *, loaded: bool = False, public: bool = True
    ) -> float:
        """Clues and saturation of a service as one figure 0..1; independent kinds add up, one kind counts once.

        `loaded` takes off what more demand explains, `public` False what anybody could have written.
        """
        kinds: dict[str, float] = {}
        for clue in self.of(service):
            if clue.kind is ClueKind.LOG and not public:
                continue
            excuse = tuning.EXCUSED if loaded and clue.kind in LOADED else 1.0
            weighed = tuning.CLUE_TRUST[clue.kind.value] * clue.strength * excuse
            kinds[clue.kind.value] = max(kinds.get(clue.kind.value, 0.0), weighed)
        if state is not None and not loaded:
            found = state.strongest(Route.SATURATION, rising=True)
            if found is not None:
                rare = self._rare(service, found.signal, found.after)
                kinds["saturation"] = tuning.CLUE_TRUST["saturation"] * found.strength * rare
        return 1.0 - prod(1.0 - weighed for weighed in kinds.values())

    def _rare(self, service: str, signal: Signal, level: float) -> float:
        """1 for a level that was never reached before, 0 for one that is common; 1 where nobody knows."""
        levels = self.usual.get((service, signal), ())
        reached = len(levels) - bisect_left(levels, level)
        return 1.0 - min(1.0, reached / len(levels) / tuning.RARE) if levels else 1.0

    @property
    def loudest(self) -> float:
        """Weight of the strongest clues of any service."""
        return max((self.weight(service, None) for service in self.clues), default=0.0)


def testimony_of(
    parts: Iterable[Calls], logs: Iterable[LogPatterns], series: Iterable[MetricSeries], window: Window
) -> Testimony:
    """Everything that the calls say, and the logs of services whose calls are seen."""
    parts, series = tuple(parts), tuple(series)
    found: dict[str, list[Clue]] = {}
    for judge in (network_clues, silence_clues, own_time_clues, failure_clues, step_clues):
        for clue in judge(parts, window):
            found.setdefault(clue.service, []).append(clue)
    for clue in log_clues(logs, window, graph_of(parts)):
        found.setdefault(clue.service, []).append(clue)
    if parts:
        for clue in resource_clues(series, window):
            found.setdefault(clue.service, []).append(clue)
    heard = {end for part in parts for edge in part.edges for end in (edge.caller, edge.callee)}
    heard.update(one.service for part in parts for one in part.operations)
    graph = graph_of(parts)
    ordered = {
        service: tuple(
            sorted(
                _less_broken_off(service, found, graph),
                key=lambda clue: (-clue.strength, clue.kind.value, clue.about),
            )
        )
        for service in sorted(found)
    }
    return Testimony(ordered, frozenset(heard), usual_levels(series, window) if parts else {})


def _less_broken_off(
    service: str, found: Mapping[str, list[Clue]], graph: Mapping[str, Sequence[str]]
) -> list[Clue]:
    """A service's clues, those of broken-off runs less what a slow callee explains: slowness brings errors."""
    slow = max(
        (
            clue.strength
            for callee in graph.get(service, ())
            for clue in found.get(callee, ())
            if clue.kind in LOADED
        ),
        default=0.0,
    )
    left = 1.0 - tuning.CROSS_ROUTE * slow
    return [
        replace(clue, strength=clue.strength * left) if clue.kind in BROKEN_OFF else clue
        for clue in found[service]
    ]


def seen_calls(topology: Topology, parts: Iterable[Calls]) -> Topology:
    """The graph with the calls that were seen; nothing is taken out of it."""
    seen = graph_of(parts)
    if not seen:
        return topology
    calls = {
        caller: tuple(sorted({*topology.calls.get(caller, ()), *seen.get(caller, ())}))
        for caller in sorted({*topology.calls, *seen})
    }
    return replace(topology, calls=calls)
