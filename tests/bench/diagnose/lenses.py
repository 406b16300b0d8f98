"""Poorer views of a recording, to learn how sure to be when less was read: drawn anew for each case, but always alike."""

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from bot.domain.calls import Calls
from bot.domain.diagnosis.symptoms import BOUNDED
from bot.domain.telemetry import MetricSeries, Telemetry
from bot.domain.topology import Topology


def _services(telemetry: Telemetry) -> set[str]:
    edges = [edge for part in telemetry.calls for edge in part.edges]
    named = {one.service for one in telemetry.series} | {edge.callee for edge in edges}
    return named | {edge.caller for edge in edges} | set(telemetry.topology.nodes())


def draw_of(telemetry: Telemetry) -> random.Random:
    """Chance that is the same for the same recording."""
    return random.Random(f"{telemetry.opened_at} {telemetry.now}")


def without_services(share: float, telemetry: Telemetry) -> Telemetry:
    """Metrics and calls of a share of the services were not read."""
    draw = draw_of(telemetry)
    blind = {name for name in sorted(_services(telemetry)) if draw.random() < share}
    return replace(
        telemetry,
        series=tuple(one for one in telemetry.series if one.service not in blind),
        calls=tuple(_calls_without(part, blind) for part in telemetry.calls),
        log_patterns=tuple(
            replace(part, patterns=tuple(one for one in part.patterns if one.service not in blind))
            for part in telemetry.log_patterns
        ),
    )


def _calls_without(part: Calls, blind: set[str]) -> Calls:
    return replace(
        part,
        edges=tuple(edge for edge in part.edges if not blind & {edge.caller, edge.callee}),
        operations=tuple(one for one in part.operations if one.service not in blind),
        patterns=tuple(one for one in part.patterns if one.service not in blind),
    )


def without_edges(share: float, telemetry: Telemetry) -> Telemetry:
    """A share of the edges of the topology is unknown."""
    draw = draw_of(telemetry)
    calls = {
        caller: tuple(callee for callee in callees if draw.random() >= share)
        for caller, callees in sorted(telemetry.topology.calls.items())
    }
    return replace(telemetry, topology=Topology(calls, telemetry.topology.kinds, telemetry.topology.as_of))


def with_history(share: float, telemetry: Telemetry) -> Telemetry:
    """Only the last share of the time before the incident was kept."""
    begun = min((one.times[0] for one in telemetry.series if one.times), default=telemetry.opened_at)
    since = telemetry.opened_at - share * (telemetry.opened_at - begun)
    return replace(
        telemetry,
        series=tuple(cut for cut in (_cut(one, since, math.inf) for one in telemetry.series) if cut.times),
    )


def with_seconds(share: float, telemetry: Telemetry) -> Telemetry:
    """The answer is wanted when only a share of the incident has passed."""
    until = telemetry.opened_at + share * (telemetry.now - telemetry.opened_at)
    return replace(
        telemetry,
        now=until,
        series=tuple(cut for cut in (_cut(one, -math.inf, until) for one in telemetry.series) if cut.times),
    )


def _cut(one: MetricSeries, since: float, until: float) -> MetricSeries:
    kept = [place for place, at in enumerate(one.times) if since <= at <= until]
    return replace(
        one,
        times=tuple(one.times[place] for place in kept),
        values=tuple(one.values[place] for place in kept),
    )


def with_noise(spread: float, telemetry: Telemetry) -> Telemetry:
    """Every point of what has no upper end is off by a factor."""
    draw = draw_of(telemetry)
    return replace(
        telemetry,
        series=tuple(
            replace(one, values=tuple(value * draw.lognormvariate(0, spread) for value in one.values))
            if one.signal not in BOUNDED
            else one
            for one in telemetry.series
        ),
    )


def without_signals(telemetry: Telemetry) -> Telemetry:
    """Of each service only every other series was read, and no log."""
    draw = draw_of(telemetry)
    kept = tuple(one for one in telemetry.series if draw.random() < 0.5)
    return replace(telemetry, series=kept, log_patterns=(), logs=())


LENSES: Mapping[str, Callable[[Telemetry], Telemetry]] = {
    "all that was recorded": lambda telemetry: telemetry,
    "a quarter of the services unread": partial(without_services, 0.25),
    "half of the services unread": partial(without_services, 0.5),
    "half of the edges unknown": partial(without_edges, 0.5),
    "a tenth of the history": partial(with_history, 0.1),
    "half of the incident": partial(with_seconds, 0.5),
    "every point off by a tenth": partial(with_noise, 0.1),
    "every point off by a quarter": partial(with_noise, 0.25),
    "half of the series, no logs": without_signals,
}
