"""More demand, or one client gone wild: where extra load on a service or a shared resource comes from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.domain.diagnosis import tuning
from bot.domain.diagnosis.graph import Graph
from bot.domain.diagnosis.symptoms import Anomaly, Route, ServiceState
from bot.domain.telemetry import PlannedEvent, Signal, Telemetry


@dataclass(frozen=True, slots=True)
class Driven:
    """`client` brought `share` of the extra load on `resource`; `jump` is its own outgoing rate."""

    resource: str
    client: str
    share: float
    jump: Anomaly


@dataclass(frozen=True, slots=True)
class Demand:
    """Request rates rose from `entries` down while errors per request stayed steady.

    `hottest` is the loaded service with the worst saturation, or the first entry; `growth` is relative.
    """

    entries: tuple[str, ...]
    loaded: frozenset[str]
    hottest: str
    growth: float
    planned: PlannedEvent | None


def driver_of(resource: str, graph: Graph, states: Mapping[str, ServiceState]) -> Driven | None:
    """The client that flooded a shared resource, unless the load came to that client from above."""
    jumps = [jump for jump in (_jump(client, states) for client in graph.callers.get(resource, ())) if jump]
    if not jumps:
        return None
    most = max(jumps, key=lambda jump: (jump.after - jump.before, jump.service))
    extra = sum(jump.after - jump.before for jump in jumps)
    total = states[resource].of(most.signal) if resource in states else None
    if total is not None and total.rising:
        extra = max(extra, total.after - total.before)
    share = (most.after - most.before) / extra
    asked_for_more = states[most.service].demand >= tuning.DRIVEN_BY_ABOVE * (most.ratio - 1.0)
    if share < tuning.DRIVEN_SHARE or asked_for_more:
        return None
    return Driven(resource, most.service, share, most)


def _jump(client: str, states: Mapping[str, ServiceState]) -> Anomaly | None:
    state = states.get(client)
    if state is None:
        return None
    found = state.of(Signal.QUERY_RATE)
    return found if found is not None and found.rising and found.ratio >= tuning.DEMAND_RATIO else None


def demand_of(
    telemetry: Telemetry, graph: Graph, states: Mapping[str, ServiceState], at: float
) -> Demand | None:
    """More demand with steady errors per request, or None."""
    busiest = max((state.usual.get(Signal.REQUEST_RATE, 0.0) for state in states.values()), default=0.0)
    risen = {
        name
        for name, state in states.items()
        if name not in graph.observed and _risen(state, tuning.DEMAND_LEAST * busiest)
    }
    entries = tuple(name for name in sorted(risen) if _is_entry(name, graph, states))
    if not entries or any(_erring(states[name]) for name in risen):
        return None
    loaded = frozenset(risen).union(*(graph.reachable(entry) for entry in entries))
    growth = max(states[name].demand for name in entries)
    planned = _planned(telemetry.planned_events, entries, at)
    return Demand(entries, loaded, _hottest(entries, risen, states), growth, planned)


def _risen(state: ServiceState, least: float) -> bool:
    found = state.of(Signal.REQUEST_RATE)
    if found is None or state.demand < tuning.DEMAND_RATIO - 1.0:
        return False
    return found.after - found.before >= least


def _is_entry(name: str, graph: Graph, states: Mapping[str, ServiceState]) -> bool:
    """Whether the requests come from outside: no caller whose own requests are measured."""
    callers = [states[caller] for caller in graph.callers.get(name, ()) if caller in states]
    return not graph.shared(name) and not any(Signal.REQUEST_RATE in caller.usual for caller in callers)


def _erring(state: ServiceState) -> bool:
    found = state.strongest(Route.ERROR)
    return found is not None and abs(found.after - found.before) >= tuning.STEADY_ERRORS


def _hottest(entries: tuple[str, ...], risen: set[str], states: Mapping[str, ServiceState]) -> str:
    def heat(name: str) -> tuple[bool, float, bool, str]:
        found = states[name].strongest(Route.SATURATION)
        return states[name].saturated, found.after if found else 0.0, name in entries, name

    return max(sorted(risen), key=heat)


def _planned(events: Sequence[PlannedEvent], entries: tuple[str, ...], at: float) -> PlannedEvent | None:
    matching = [event for event in events if any(event.covers(entry, at) for entry in entries)]
    return min(matching, key=lambda event: (event.starts_at, event.id), default=None)
