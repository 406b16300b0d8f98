"""Metrics that left their own past: the last points against the series' median and spread, in the bad direction only.

Medians and a floored spread, so that neither a past incident nor a series without any noise decides; ratios of one are
scored in points. All of the last points must lie outside. A rise in demand is no trouble and is left to the engine.
"""

from collections.abc import Iterable, Sequence
from statistics import median

from bot.domain.telemetry import MetricSeries, Signal
from bot.domain.watch.finding import Finding, Kind

LAST_POINTS = 3
LAST_S = 45.0  # Of a fine series; a coarse one is judged by its last points.
PAST_SHARE = 0.7  # Of the window: the rest may already hold the beginning.
LEAST_PAST = 12  # Points without which nothing is known to be usual.
FAR = 6.0  # Spreads from the median.
SURE = 20.0  # Spreads at which the strength is one half.
_FELT = (Signal.ERROR_RATIO, Signal.LATENCY, Signal.AVAILABILITY)
# Least change that matters: of the usual level, or in points where the signal is a share.
_LEAST_CHANGE = {Signal.LATENCY: 0.5, Signal.QUERY_RATE: 0.7}
_LEAST_POINTS = {
    Signal.ERROR_RATIO: 0.03,
    Signal.AVAILABILITY: 0.03,
    Signal.CPU: 0.15,
    Signal.MEMORY: 0.15,
    Signal.CONNECTIONS: 0.15,
}
_WORDS = {
    Signal.ERROR_RATIO: "errors",
    Signal.AVAILABILITY: "availability",
    Signal.LATENCY: "latency",
    Signal.CPU: "CPU",
    Signal.MEMORY: "memory",
    Signal.CONNECTIONS: "connections in use",
    Signal.QUERY_RATE: "queries a second",
}
_DEMAND = 1.5  # More queries than this many times the growth in requests are not explained by demand.


def metric_findings(series: Iterable[MetricSeries]) -> list[Finding]:
    """What left its past, strongest first."""
    given = list(series)
    growth = {one.service: _growth(one) for one in given if one.signal is Signal.REQUEST_RATE}
    found = [finding for one in given if (finding := _judge(one, growth.get(one.service, 1.0)))]
    return sorted(found, key=lambda one: (-one.strength, one.service, one.words))


def _judge(series: MetricSeries, growth: float) -> Finding | None:
    signal = series.signal
    if signal not in _WORDS:
        return None
    last = _last(series.times)
    past = sorted(_past(series, last))
    if len(past) < LEAST_PAST:
        return None
    usual, spread = _usual(past, signal)
    sign = -1.0 if signal is Signal.AVAILABILITY else 1.0
    recent = [float(value) for value in series.values[-last:]]
    least = sign * min(sign * value for value in recent)
    needed = max(FAR * spread, _needed(signal, usual))
    if sign * (least - usual) < needed:
        return None
    now = median(recent)
    if signal is Signal.QUERY_RATE and now < _DEMAND * growth * usual:
        return None
    far = sign * (now - usual) / spread
    return Finding(
        Kind.METRIC,
        series.service,
        far / (far + SURE),
        _onset(series, usual + sign * needed, sign),
        f"{_WORDS[signal]} of {series.service} {_change(signal, usual, now)}",
        felt=signal in _FELT,
    )


def _past(series: MetricSeries, last: int) -> list[float]:
    """The points that are surely from before: what grows slowly has not reached them."""
    end = min(len(series.values) - 2 * last, int(PAST_SHARE * len(series.values)))
    return [float(value) for value in series.values[: max(0, end)]]


def _last(times: Sequence[float]) -> int:
    """How many points make the present."""
    if len(times) < 2:
        return LAST_POINTS
    step = (float(times[-1]) - float(times[0])) / (len(times) - 1)
    return max(LAST_POINTS, int(LAST_S / step)) if step > 0 else LAST_POINTS


def _usual(past: Sequence[float], signal: Signal) -> tuple[float, float]:
    """Median and spread of a sorted past, the spread floored."""
    usual = median(past)
    deviation = 1.4826 * median(abs(value - usual) for value in past)
    quarters = (past[(3 * len(past)) // 4] - past[len(past) // 4]) / 1.349
    high = past[min(len(past) - 1, (95 * len(past)) // 100)] - usual
    floor = 0.005 if signal in _LEAST_POINTS else 0.03 * abs(usual) + 1e-9
    return usual, max(deviation, quarters, high / 3.0, floor)


def _needed(signal: Signal, usual: float) -> float:
    return _LEAST_POINTS[signal] if signal in _LEAST_POINTS else _LEAST_CHANGE[signal] * abs(usual)


def _growth(series: MetricSeries) -> float:
    """How many times the usual rate of requests comes in now."""
    last = _last(series.times)
    past = _past(series, last)
    usual = median(past) if past else 0.0
    return median(float(value) for value in series.values[-last:]) / usual if usual > 0 else 1.0


def _onset(series: MetricSeries, line: float, sign: float) -> float:
    """The first point of the run that lasts until now."""
    at = float(series.times[-1])
    for time, value in zip(reversed(series.times), reversed(series.values), strict=True):
        if sign * (float(value) - line) < 0:
            break
        at = float(time)
    return at


def _change(signal: Signal, usual: float, now: float) -> str:
    if signal in _LEAST_POINTS:
        return f"at {now:.0%}, usual {usual:.0%}"
    return f"{now / usual:.1f} times the usual" if usual > 0 else f"at {now:.3g}, usual 0"
