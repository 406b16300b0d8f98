"""The course of one metric over the window: where it began, where it stands, how far it went. Judges nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from bot.domain.databases import DatabaseMetric, DatabaseSeries

_EDGE = 3  # Samples at each end whose median stands for the beginning and for now.


@dataclass(frozen=True, slots=True)
class Course:
    """A metric's figures; times in unix seconds, values in the metric's own unit."""

    instance: str
    metric: DatabaseMetric
    times: tuple[float, ...]
    values: tuple[float, ...]

    @property
    def first(self) -> float:
        """The level at the beginning: the lower of the first sample and the first few's median."""
        return min(self.values[0], median(self.values[:_EDGE]))

    @property
    def now(self) -> float:
        """The level at the end."""
        return median(self.values[-_EDGE:])

    @property
    def typical(self) -> float:
        """The median of all."""
        return median(self.values)

    @property
    def peak(self) -> float:
        """The highest value."""
        return max(self.values)

    @property
    def trough(self) -> float:
        """The lowest value."""
        return min(self.values)

    def grew(self, factor: float) -> bool:
        """Whether it stands at least `factor` times as high as it began."""
        return self.now >= factor * max(self.first, 1e-9)

    def fell(self, share: float) -> bool:
        """Whether it stands at `share` of what is usual in the first half, or below."""
        usual = median(self.values[: max(1, len(self.values) // 2)])
        return usual > 0 and self.now <= share * usual

    def when(self, holds: Callable[[float], bool]) -> float | None:
        """The first time at which `holds` is true of the value."""
        return next((at for at, value in zip(self.times, self.values, strict=True) if holds(value)), None)

    def onset(self) -> float:
        """When it first was halfway between where it began and its farthest excursion."""
        far = max(self.values, key=lambda value: abs(value - self.first))
        half = abs(far - self.first) / 2
        found = self.when(lambda value: abs(value - self.first) >= half)
        return self.times[0] if found is None else found


def courses_of(series: tuple[DatabaseSeries, ...]) -> tuple[Course, ...]:
    """Courses of every series that has values."""
    return tuple(Course(one.instance, one.metric, one.times, one.values) for one in series if one.values)
