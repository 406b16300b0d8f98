"""Small moves of utilisation that are no saturation: where a pod never moves, even a point is something.

A faint clue. It decides only where nothing else speaks.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from math import isfinite

from bot.domain.canonical import Json
from bot.domain.diagnosis import tuning
from bot.domain.diagnosis.clues import Clue, ClueKind, Splits, exceeded, louder, moved
from bot.domain.diagnosis.symptoms import ROUTES, Route
from bot.domain.diagnosis.window import Window
from bot.domain.telemetry import MetricSeries, Signal

_WORDS = {Signal.CPU: "CPU", Signal.MEMORY: "memory"}


def resource_clues(series: Iterable[MetricSeries], window: Window) -> list[Clue]:
    """Services whose CPU or memory use rose out of its own narrow band, the clearest of each."""
    best: dict[str, Clue] = {}
    for one in series:
        clue = _risen(one, window) if one.signal in _WORDS and len(one.times) > 1 else None
        if clue is not None:
            best[one.service] = louder(best.get(one.service), clue)
    return [best[service] for service in sorted(best)]


def usual_levels(series: Iterable[MetricSeries], window: Window) -> dict[tuple[str, Signal], list[float]]:
    """Levels of each utilisation before the symptom, sorted; of several instances all together."""
    found: dict[tuple[str, Signal], list[float]] = {}
    for one in series:
        if ROUTES.get(one.signal) is Route.SATURATION:
            early = one.values[: bisect_right(one.times, window.since)]
            found.setdefault((one.service, one.signal), []).extend(
                value for value in early if isfinite(value)
            )
    return {key: sorted(found[key]) for key in sorted(found)}


def _risen(one: MetricSeries, window: Window) -> Clue | None:
    halves = Splits(one.times[-1] - one.times[-2], window).of(one.times)
    if len(halves.before) < tuning.MEASURED_LEAST or not halves.after:
        return None
    alike: Sequence[float] = [1.0] * len(one.times)
    move = moved(one.values, alike, halves, tuning.FAINT_POINTS)
    if move is None or move.z < tuning.ALARM_Z:
        return None
    rare = 1.0 - min(1.0, exceeded(one.values, alike, halves.before, move.after) / tuning.RARE)
    strength = rare * move.lasting * move.z / (move.z + tuning.HALF_FAINT_Z)
    text = (
        f"{_WORDS[one.signal]} use of {one.service} rose from {move.before * 100:.1f} % "
        f"to {move.after * 100:.1f} %, {move.z:.0f} times its usual spread"
    )
    value: dict[str, Json] = {"before": round(move.before, 6), "after": round(move.after, 6)}
    at = one.times[move.since]
    return Clue(one.service, ClueKind.RESOURCE, strength, at, text, one.signal.value, value, one.link)
