"""Before and after: where the baseline ends and where the symptom certainly shows.

Start times of alerts bound the symptom from above only, since rules fire late; onsets come from the metrics.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from bot.domain.diagnosis import tuning
from bot.domain.telemetry import Telemetry


@dataclass(frozen=True, slots=True)
class Window:
    """Unix seconds: the baseline is everything before `before`; from `since` on the symptom is certainly there."""

    before: float
    since: float
    now: float


def window_of(telemetry: Telemetry) -> Window:
    """Split the telemetry's time range around its first symptom."""
    since = _first_symptom(telemetry)
    start = min((series.times[0] for series in telemetry.series if series.times), default=since)
    guard = min(tuning.GUARD_S, tuning.GUARD_SHARE * max(0.0, since - start))
    return Window(before=since - guard, since=since, now=max(telemetry.now, since))


def _first_symptom(telemetry: Telemetry) -> float:
    """The lower quartile of recent alert starts, at most the opening time."""
    starts = sorted(
        start
        for start in _starts(telemetry)
        if telemetry.opened_at - tuning.STALE_ALERT_S <= start <= telemetry.opened_at
    )
    return starts[len(starts) // 4] if starts else telemetry.opened_at


def _starts(telemetry: Telemetry) -> Iterable[float]:
    return {alert.fingerprint: alert.starts_at for alert in telemetry.alerts}.values()
