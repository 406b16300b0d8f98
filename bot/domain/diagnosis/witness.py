"""Who complains, of what, and how near to them a suspect stands.

An alerting service is a witness even where its own metrics show nothing: what it calls may be what it felt.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from bot.domain.alert import Alert
from bot.domain.diagnosis import tuning
from bot.domain.diagnosis.graph import Graph
from bot.domain.diagnosis.symptoms import Route, ServiceState

_WORDS = {
    Route.ERROR: re.compile(
        r"error|5xx|availab|unreachable|fail|success|reject|down\b|outage|unhealthy", re.IGNORECASE
    ),
    Route.LATENCY: re.compile(r"latenc|slow|duration|response.?time|time.?out|delay|\bp9[59]", re.IGNORECASE),
}
# Every match holds one of these, so that a storm's alerts need not all be searched.
_STEMS = {
    Route.ERROR: (
        "error", "5xx", "availab", "unreachable", "fail", "success", "reject", "down", "outage", "unhealthy",
    ),
    Route.LATENCY: ("latenc", "slow", "duration", "response", "time", "delay", "p9"),
}  # fmt: skip


def entries_of(graph: Graph, states: Mapping[str, ServiceState]) -> frozenset[str]:
    """Services that only users call and that fail or are slow: what users feel is an incident without any alert.

    Where a graph is known, a node outside it, and one that next to no requests pass, is nobody's entry.
    """
    known = bool(graph.calls)
    busiest = max((state.usual_rate or 0.0 for state in states.values()), default=0.0)
    return frozenset(
        name
        for name, state in states.items()
        if state.felt > 0
        and not graph.callers.get(name)
        and name not in graph.observed
        and (not known or name in graph.calls)
        and (state.usual_rate is None or state.usual_rate >= tuning.TRAFFIC * busiest)
    )


def errors_felt(
    states: Mapping[str, ServiceState], witnesses: frozenset[str], alerts: Iterable[Alert]
) -> bool:
    """Whether the witnesses complain of errors rather than of delay; where metrics are silent, their alerts' words tell."""
    heard = [states[name] for name in sorted(witnesses) if name in states]
    errors = sum(one.strength(Route.ERROR) for one in heard)
    slowness = sum(one.strength(Route.LATENCY) for one in heard)
    if errors or slowness:
        return errors > slowness
    texts = Counter(f"{alert.name} {alert.summary}".lower() for alert in alerts)
    return _saying(Route.ERROR, texts) > _saying(Route.LATENCY, texts)


def _saying(route: Route, texts: Mapping[str, int]) -> int:
    """How many alerts say this, where `texts` counts what they say in lower case."""
    everything = "\n".join(texts)
    stems = [stem for stem in _STEMS[route] if stem in everything]
    word = _WORDS[route]
    found = (text for text in texts if any(stem in text for stem in stems))
    return sum(texts[text] for text in found if word.search(text))


def heard_by(name: str, dependants: Iterable[str], witnesses: frozenset[str], graph: Graph) -> float:
    """Weight 0..1 of a suspect by its witnesses: full where one is unwell with it or calls it, less each hop farther."""
    if witnesses.intersection((name, *dependants)):
        return 1.0
    weight, seen, ring = 1.0, {name}, [name]
    while ring and weight > tuning.NO_WITNESS:
        ring = [caller for node in ring for caller in graph.callers.get(node, ()) if caller not in seen]
        if witnesses.intersection(ring):
            return weight
        seen.update(ring)
        weight *= tuning.SILENT_BETWEEN
    return tuning.NO_WITNESS
