"""What is wrong with each service: metric shifts read as errors, slowness, saturation or load.

Each signal is judged on its own scale: bounded ones in points lost, latency and rates as a ratio.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from bot.domain.diagnosis import tuning
from bot.domain.diagnosis.window import Window
from bot.domain.numeric.shift import Shift, shifts
from bot.domain.telemetry import MetricSeries, Signal


class Route(StrEnum):
    """The kind of trouble that a signal speaks of."""

    ERROR = "error"
    LATENCY = "latency"
    SATURATION = "saturation"
    LOAD = "load"
    SENSOR = "sensor"


ROUTES: Mapping[Signal, Route] = {
    Signal.ERROR_RATIO: Route.ERROR,
    Signal.AVAILABILITY: Route.ERROR,
    Signal.LATENCY: Route.LATENCY,
    Signal.CPU: Route.SATURATION,
    Signal.MEMORY: Route.SATURATION,
    Signal.CPU_CORES: Route.SATURATION,
    Signal.MEMORY_BYTES: Route.SATURATION,
    Signal.CONNECTIONS: Route.SATURATION,
    Signal.REQUEST_RATE: Route.LOAD,
    Signal.QUERY_RATE: Route.LOAD,
    Signal.RUNTIME_ALERTS: Route.SENSOR,
}
FELT = (Route.ERROR, Route.LATENCY)
# Shares of a limit; the other signals have no upper end that is known.
BOUNDED = frozenset({Signal.ERROR_RATIO, Signal.AVAILABILITY, Signal.CPU, Signal.MEMORY, Signal.CONNECTIONS})
_NO_SYMPTOM = (Route.LOAD, Route.SENSOR)


@dataclass(frozen=True, slots=True)
class Anomaly:
    """One signal of one service out of its baseline; `strength` is 0..1, `ratio` the level over the baseline."""

    service: str
    signal: Signal
    route: Route
    strength: float
    before: float
    after: float
    onset_at: float
    z: float
    rising: bool
    link: str = ""

    @property
    def ratio(self) -> float:
        """Level over baseline; large where the baseline is zero."""
        return self.after / self.before if self.before > 0 else 1e6


@dataclass(frozen=True, slots=True)
class ServiceState:
    """All anomalies of one service, strongest first, and the usual level of every signal that was measured."""

    service: str
    anomalies: tuple[Anomaly, ...] = ()
    usual: Mapping[Signal, float] = field(default_factory=dict)

    def strongest(self, route: Route, *, rising: bool | None = None) -> Anomaly | None:
        """The strongest anomaly of a route, of one direction if asked."""
        for anomaly in self.anomalies:
            if anomaly.route is route and (rising is None or anomaly.rising is rising):
                return anomaly
        return None

    def of(self, signal: Signal) -> Anomaly | None:
        """The anomaly of a signal."""
        return next((anomaly for anomaly in self.anomalies if anomaly.signal is signal), None)

    def strength(self, route: Route) -> float:
        """Strength of a route as a symptom; load is a driver, and a sensor's word is about behaviour."""
        found = self.strongest(route)
        if found is None or route in _NO_SYMPTOM:
            return 0.0
        return found.strength * (tuning.SATURATION_WEIGHT if route is Route.SATURATION else 1.0)

    @property
    def usual_rate(self) -> float | None:
        """Requests a second that it usually gets, None where nobody measured them."""
        return self.usual.get(Signal.REQUEST_RATE)

    @property
    def judged(self) -> bool:
        """Whether anything that its callers feel was measured at all."""
        return any(ROUTES[signal] in FELT for signal in self.usual)

    @property
    def symptom(self) -> float:
        """How unwell the service is, 0..1."""
        return max(self.strength(route) for route in Route)

    @property
    def felt(self) -> float:
        """How unwell its callers find it, 0..1: errors and latency only."""
        return max(self.strength(route) for route in FELT)

    @property
    def onset_at(self) -> float | None:
        """When its clearest symptom began; None while it is well."""
        unwell = [anomaly for anomaly in self.anomalies if anomaly.route not in _NO_SYMPTOM]
        return unwell[0].onset_at if unwell else None

    @property
    def saturated(self) -> bool:
        """Whether a utilisation rose to the level at which it hurts."""
        found = self.strongest(Route.SATURATION)
        return found is not None and found.signal in BOUNDED and found.after >= tuning.SATURATED

    @property
    def demand(self) -> float:
        """Growth of the incoming request rate: 0.8 means 80 % more; 0 while it is steady."""
        found = self.of(Signal.REQUEST_RATE)
        return found.ratio - 1.0 if found is not None and found.rising else 0.0


def service_states(
    series: Sequence[MetricSeries], window: Window, share: float = tuning.LEVEL_SHARE
) -> dict[str, ServiceState]:
    """Judge every series; services without any usable series are absent.

    `share` of the points since the symptom must reach a level for it to count; 0 takes the most extreme point.
    """
    found: dict[str, list[Anomaly]] = {}
    usual: dict[str, dict[Signal, float]] = {}
    moved = list(_shifted(series, window, share))
    common = _common_slowness(moved)
    for one, shift in moved:
        usual.setdefault(one.service, {})[one.signal] = shift.baseline
        anomaly = _anomaly(one, shift, common if one.signal is Signal.LATENCY else 1.0)
        if anomaly is not None:
            found.setdefault(one.service, []).append(anomaly)
    return {
        service: ServiceState(service, _ordered(found.get(service, ())), usual[service])
        for service in sorted(usual)
    }


def _ordered(anomalies: Iterable[Anomaly]) -> tuple[Anomaly, ...]:
    return tuple(sorted(anomalies, key=lambda anomaly: (-anomaly.strength, anomaly.signal.value)))


def _shifted(
    series: Sequence[MetricSeries], window: Window, share: float
) -> Iterable[tuple[MetricSeries, Shift]]:
    """Series that share their times are judged as one matrix."""
    for members in _by_times(series):
        times = members[0].times
        floors = [_floor(one.signal) for one in members]
        rows = [one.values for one in members]
        found = shifts(times, rows, before=window.before, since=window.since, floor=floors, share=share)
        for one, shift in zip(members, found, strict=True):
            if shift is not None and shift.points_before >= tuning.MEASURED_LEAST:
                yield one, shift


def _by_times(series: Iterable[MetricSeries]) -> Iterable[list[MetricSeries]]:
    """Groups of equal times; ends and length are looked at first, since hashing a thousand times a series is slow."""
    groups: dict[tuple[int, float, float], list[list[MetricSeries]]] = {}
    for one in series:
        if one.times:
            alike = groups.setdefault((len(one.times), one.times[0], one.times[-1]), [])
            group = next((members for members in alike if _same(members[0].times, one.times)), None)
            if group is None:
                alike.append([one])
            else:
                group.append(one)
    return [members for alike in groups.values() for members in alike]


def _same(one: Sequence[float], other: Sequence[float]) -> bool:
    return one is other or one == other


def _floor(signal: Signal) -> float:
    """The least scale of a signal, in its unit; a busy core is worth a point of utilisation for each hundredth."""
    bounded = signal in BOUNDED or signal is Signal.CPU_CORES
    return tuning.SCALE_FLOOR["points" if bounded else "ratio"]


def _common_slowness(moved: Iterable[tuple[MetricSeries, Shift]]) -> float:
    """What three quarters of all services share: a busier hour or a slower day is nobody's own trouble, in bounds."""
    ratios = sorted(
        shift.up / shift.baseline
        for one, shift in moved
        if one.signal is Signal.LATENCY and shift.baseline > 0
    )
    if len(ratios) < tuning.COMMON_LEAST:
        return 1.0
    return min(tuning.COMMON_MOST, max(1.0, ratios[len(ratios) // 4]))


def _anomaly(series: MetricSeries, shift: Shift, common: float) -> Anomaly | None:
    if common > 1.0:
        shift = shift.against(common)
    rising = shift.z_up >= shift.z_down
    z, level = (shift.z_up, shift.up) if rising else (shift.z_down, shift.down)
    strength = _strength(series.signal, shift.baseline * common, level, rising=rising)
    if z < tuning.ALARM_Z or strength <= 0.0:
        return None
    onset = shift.onset_up if rising else shift.onset_down
    route = ROUTES[series.signal]
    return Anomaly(
        series.service, series.signal, route, strength, shift.baseline, level, onset, z, rising, series.link
    )


def _strength(signal: Signal, before: float, after: float, *, rising: bool) -> float:
    """0 for a move that is good, small or no trouble; else how bad it is, below 1."""
    if signal is Signal.AVAILABILITY:
        return _points(before - after, tuning.LEAST_POINTS, tuning.HALF_POINTS)
    if signal is Signal.ERROR_RATIO:
        return _points(after - before, tuning.LEAST_POINTS, tuning.HALF_POINTS)
    if ROUTES[signal] is Route.SATURATION and signal is not Signal.MEMORY_BYTES:
        return _points(after - before, tuning.LEAST_SATURATION, tuning.HALF_SATURATION)
    if signal in (Signal.LATENCY, Signal.MEMORY_BYTES) and not rising:
        return 0.0
    low, high = min(before, after), max(before, after)
    if high <= 0.0 or high < tuning.LEAST_RATIO * low:
        return 0.0
    return 1.0 - max(low, 0.0) / high


def _points(moved: float, least: float, half: float) -> float:
    return moved / (moved + half) if moved >= least else 0.0
