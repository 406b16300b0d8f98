"""Views of a recording that should not change the answer, or should cost little: what the rules were not written on.

A harmless view (other names, another order, other units, gaps) must leave the answers as they are; a poorer one may
cost some. Each is drawn anew for each case, but always alike. Lenses that the calibration is fitted on are in
`lenses`.
"""

import hashlib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from bot.domain.calls import Calls
from bot.domain.diagnosis.symptoms import BOUNDED
from bot.domain.log_patterns import LogPatterns
from bot.domain.telemetry import MetricSeries, Signal, Telemetry
from bot.domain.topology import Topology
from tests.bench.diagnose.lenses import (
    draw_of,
    with_history,
    with_noise,
    with_seconds,
    without_edges,
    without_services,
)

Lens = Callable[[Telemetry], Telemetry]
# What a name says of its place is no harmless part of it: the ends of a call that tracers name so stay.
_PLACE = re.compile(r"(_remote|_client)$|^\d|\.com")
T = TypeVar("T")


@dataclass
class Renamed:
    """Every service gets another name, in another alphabetical order; `back` gives the true ones."""

    back: dict[str, str] = field(default_factory=dict)

    def __call__(self, telemetry: Telemetry) -> Telemetry:
        """The telemetry with other names."""
        return replace(
            telemetry,
            alerts=tuple(one._replace(service=self._name(one.service)) for one in telemetry.alerts),
            series=tuple(replace(one, service=self._name(one.service)) for one in telemetry.series),
            calls=tuple(self._calls(part) for part in telemetry.calls),
            log_patterns=tuple(self._logs(part) for part in telemetry.log_patterns),
            topology=self._topology(telemetry.topology),
        )

    def _name(self, name: str) -> str:
        if not name or _PLACE.search(name):
            return name
        other = f"w{hashlib.sha256(name.encode()).hexdigest()[:10]}"
        self.back[other] = name
        return other

    def _calls(self, part: Calls) -> Calls:
        return replace(
            part,
            edges=tuple(
                replace(one, caller=self._name(one.caller), callee=self._name(one.callee))
                for one in part.edges
            ),
            operations=tuple(replace(one, service=self._name(one.service)) for one in part.operations),
            patterns=tuple(replace(one, service=self._name(one.service)) for one in part.patterns),
        )

    def _logs(self, part: LogPatterns) -> LogPatterns:
        named = tuple(replace(one, service=self._name(one.service)) for one in part.patterns)
        return replace(part, patterns=named)

    def _topology(self, topology: Topology) -> Topology:
        calls = {
            self._name(up): tuple(self._name(one) for one in down) for up, down in topology.calls.items()
        }
        kinds = {self._name(name): kind for name, kind in topology.kinds.items()}
        return Topology(calls, kinds, topology.as_of)


def reversed_order(telemetry: Telemetry) -> Telemetry:
    """Everything that comes as a list comes the other way round."""
    return replace(
        telemetry,
        alerts=telemetry.alerts[::-1],
        series=telemetry.series[::-1],
        calls=tuple(
            replace(p, edges=p.edges[::-1], operations=p.operations[::-1], patterns=p.patterns[::-1])
            for p in telemetry.calls[::-1]
        ),
        log_patterns=tuple(replace(p, patterns=p.patterns[::-1]) for p in telemetry.log_patterns[::-1]),
        topology=Topology(
            {up: tuple(reversed(down)) for up, down in reversed(list(telemetry.topology.calls.items()))},
            telemetry.topology.kinds,
            telemetry.topology.as_of,
        ),
    )


def _points(telemetry: Telemetry, keep: Callable[[int, float], bool]) -> Telemetry:
    """Only the points of metric series that are kept; a series without any is gone."""
    found = []
    for one in telemetry.series:
        places = [place for place, at in enumerate(one.times) if keep(place, at)]
        if places:
            times, values = _at(one.times, places), _at(one.values, places)
            found.append(replace(one, times=times, values=values))
    return replace(telemetry, series=tuple(found))


def _at(values: Sequence[T], places: Sequence[int]) -> tuple[T, ...]:
    return tuple(values[place] for place in places)


def sampled(telemetry: Telemetry) -> Telemetry:
    """Every other point, where there are enough of them."""
    late = sorted(
        at for at in {at for one in telemetry.series for at in one.times} if at >= telemetry.opened_at
    )
    return _points(telemetry, lambda place, _at: place % 2 == 0) if len(late) >= 8 else telemetry


def doubled(telemetry: Telemetry) -> Telemetry:
    """Twice as many points: each is seen again half a step later."""
    return replace(telemetry, series=tuple(_doubled(one) for one in telemetry.series))


def _doubled(one: MetricSeries) -> MetricSeries:
    times: list[float] = []
    values: list[float] = []
    following = (
        *one.times[1:],
        one.times[-1] + (one.times[-1] - one.times[-2] if len(one.times) > 1 else 2.0),
    )
    for at, then, value in zip(one.times, following, one.values, strict=True):
        times += [at, (at + then) / 2]
        values += [value, value]
    return replace(one, times=tuple(times), values=tuple(values))


def with_gaps(share: float, telemetry: Telemetry) -> Telemetry:
    """A share of the points is missing, in each series others."""
    draw = draw_of(telemetry)
    return _points(telemetry, lambda _place, _at: draw.random() >= share)


def with_nan(share: float, telemetry: Telemetry) -> Telemetry:
    """A share of the points is not a number, as a division by zero in a query gives."""
    draw = draw_of(telemetry)
    return replace(
        telemetry,
        series=tuple(
            replace(one, values=tuple(math.nan if draw.random() < share else value for value in one.values))
            for one in telemetry.series
        ),
    )


def scaled(telemetry: Telemetry) -> Telemetry:
    """A system three times as slow with seven times the requests and other memory sizes."""
    factors = {
        Signal.LATENCY: 3.0,
        Signal.REQUEST_RATE: 7.0,
        Signal.MEMORY_BYTES: 0.37,
        Signal.QUERY_RATE: 7.0,
    }
    return replace(
        telemetry,
        series=tuple(
            replace(one, values=tuple(value * factors.get(one.signal, 1.0) for value in one.values))
            for one in telemetry.series
        ),
    )


def as_errors(telemetry: Telemetry) -> Telemetry:
    """Availability given as the share of errors."""
    return replace(
        telemetry,
        series=tuple(
            replace(one, signal=Signal.ERROR_RATIO, values=tuple(1.0 - value for value in one.values))
            if one.signal is Signal.AVAILABILITY
            else one
            for one in telemetry.series
        ),
    )


def with_constants(telemetry: Telemetry) -> Telemetry:
    """Every service has every other signal too, and it never moves."""
    known = {(one.service, one.signal) for one in telemetry.series}
    times: dict[str, Sequence[float]] = {one.service: one.times for one in telemetry.series}
    steady = tuple(
        MetricSeries(name, signal, at, (0.0 if signal is Signal.ERROR_RATIO else 0.3,) * len(at))
        for name, at in sorted(times.items())
        for signal in (Signal.ERROR_RATIO, Signal.CPU, Signal.CONNECTIONS)
        if (name, signal) not in known
    )
    return replace(telemetry, series=telemetry.series + steady)


def opened(shift_s: float, telemetry: Telemetry) -> Telemetry:
    """The incident was noticed some seconds earlier or later than it was."""
    at = telemetry.opened_at + shift_s
    alerts = tuple(one._replace(starts_at=one.starts_at + shift_s) for one in telemetry.alerts)
    return replace(telemetry, opened_at=at, now=max(telemetry.now, at), alerts=alerts)


def without_signals(*signals: Signal) -> Lens:
    """Kinds of metrics were not read."""
    return lambda telemetry: replace(
        telemetry, series=tuple(one for one in telemetry.series if one.signal not in signals)
    )


def without_calls(telemetry: Telemetry) -> Telemetry:
    """Nobody reads traces; who calls whom is known all the same."""
    calls: dict[str, set[str]] = {up: set(down) for up, down in telemetry.topology.calls.items()}
    for part in telemetry.calls:
        for edge in part.edges:
            calls.setdefault(edge.caller, set()).add(edge.callee)
    graph = {up: tuple(sorted(down)) for up, down in sorted(calls.items())}
    return replace(telemetry, calls=(), topology=Topology(graph, telemetry.topology.kinds, 1.0))


def without_graph(telemetry: Telemetry) -> Telemetry:
    """Nobody knows who calls whom."""
    return replace(telemetry, topology=Topology(), calls=())


def with_wild_points(telemetry: Telemetry) -> Telemetry:
    """One point in a hundred is ten times as high, where there is no upper end."""
    draw = draw_of(telemetry)
    return replace(
        telemetry,
        series=tuple(
            one
            if one.signal in BOUNDED
            else replace(one, values=tuple(v * (10.0 if draw.random() < 0.01 else 1.0) for v in one.values))
            for one in telemetry.series
        ),
    )


HARMLESS: Mapping[str, Callable[[], Lens]] = {
    "as recorded": lambda: lambda telemetry: telemetry,
    "other names": Renamed,
    "other order": lambda: reversed_order,
    "every other point": lambda: sampled,
    "every point twice": lambda: doubled,
    "other scales": lambda: scaled,
    "errors for availability": lambda: as_errors,
    "constant columns": lambda: with_constants,
    "a tenth of points missing": lambda: partial(with_gaps, 0.1),
    "a twentieth not a number": lambda: partial(with_nan, 0.05),
    "one point in 100 wild": lambda: with_wild_points,
    "noise of a twentieth": lambda: partial(with_noise, 0.05),
    "noticed a minute late": lambda: partial(opened, 60.0),
    "noticed a minute early": lambda: partial(opened, -60.0),
    "half of the history": lambda: partial(with_history, 0.5),
    "a quarter of the history": lambda: partial(with_history, 0.25),
}
POORER: Mapping[str, Callable[[], Lens]] = {
    "a fifth of the edges gone": lambda: partial(without_edges, 0.2),
    "half of the edges gone": lambda: partial(without_edges, 0.5),
    "a seventh of nodes unread": lambda: partial(without_services, 0.15),
    "half of the incident": lambda: partial(with_seconds, 0.5),
    "a tenth of the history": lambda: partial(with_history, 0.1),
    "noise of a quarter": lambda: partial(with_noise, 0.25),
    "a third of points missing": lambda: partial(with_gaps, 0.33),
    "no latency metrics": lambda: without_signals(Signal.LATENCY),
    "no CPU metrics": lambda: without_signals(Signal.CPU, Signal.CPU_CORES),
    "no request rates": lambda: without_signals(Signal.REQUEST_RATE),
    "no availability": lambda: without_signals(Signal.AVAILABILITY),
    "no logs": lambda: lambda telemetry: replace(telemetry, log_patterns=(), logs=()),
    "no traces": lambda: without_calls,
    "no graph, no traces": lambda: without_graph,
}
