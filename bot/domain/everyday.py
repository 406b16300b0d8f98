"""What fires on any day: a learned baseline of alerts, and how surprising one more is.

An alert is known by its signature (what it says and where). Alerts of one signature that follow each other closely are
one episode. A day of episodes is learned before anything is called everyday; what is still going on is not learned yet,
so that a long incident does not become its own baseline. Nothing here drops an alert: it says what each is.
"""

import math
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

DAY_S = 86_400.0
HOUR_S = 3_600.0
EPISODE_GAP_S = 600.0
LEARNED_AFTER_S = DAY_S / 4
ENOUGH_S = DAY_S  # Before a day is learned, everything is new and nothing may be called everyday.
USUAL_PER_DAY = (
    3.0  # What starts so often or oftener is everyday; each step below it is that much more surprising.
)
UNSEEN = 0.5  # Episodes credited to a signature that was never seen.
BURST = 1.5  # So many times the most that one minute ever held, and some more, is a change of rate.
BURST_MORE = 2
MINUTE_S = 60.0
MOST_SIGNATURES = 20_000
_PERIODS = 60


@dataclass(slots=True)
class _Known:
    """One signature: when it was seen last, and what was learned of it."""

    last_at: float = -math.inf
    episodes: int = 0
    periods: dict[tuple[str, int], set[int]] = field(default_factory=dict)
    minute: int = -1
    in_minute: int = 0
    most_in_minute: int = 0
    burst_at: float = -math.inf

    def as_list(self) -> list[Any]:
        periods = [[name, hour, sorted(seen)[-_PERIODS:]] for (name, hour), seen in self.periods.items()]
        return [self.last_at, self.episodes, self.most_in_minute, periods]

    @classmethod
    def of(cls, values: Sequence[Any]) -> "_Known":
        last_at, episodes, most, periods = values
        seen = {(name, hour): set(numbers) for name, hour, numbers in periods}
        return cls(last_at, episodes, seen, most_in_minute=most)


class Everyday:
    """Learns from every alert that it is shown, in order of time; times are unix seconds."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}
        self._begun: deque[tuple[float, str]] = deque()
        self._minutes: deque[tuple[float, str, int]] = deque()
        self._since = math.inf

    def snapshot(self) -> dict[str, Any]:
        """Everything learned, ready for JSON; the signatures seen last where there are too many."""
        newest = sorted(self._known, key=lambda one: (-self._known[one].last_at, one))[:MOST_SIGNATURES]
        return {
            "since": None if math.isinf(self._since) else self._since,
            "known": {one: self._known[one].as_list() for one in newest},
            "begun": [pair for pair in self._begun if pair[1] in self._known],
        }

    @classmethod
    def restored(cls, kept: Mapping[str, Any]) -> "Everyday":
        """What a snapshot held."""
        found = cls()
        found._since = math.inf if kept["since"] is None else kept["since"]
        found._known = {one: _Known.of(values) for one, values in kept["known"].items()}
        found._begun = deque((at, one) for at, one in kept["begun"] if one in found._known)
        return found

    def learned_days(self, at: float) -> float:
        """How many days were learned up to `at`; zero before the first is complete."""
        if at - self._since < ENOUGH_S:
            return 0.0
        return max(1.0, (at - self._since - LEARNED_AFTER_S) / DAY_S)

    def surprise(self, signature: str, at: float) -> float | None:
        """Show one alert. None: it goes on with an episode. Else how surprising its start is, at least zero.

        The measure adds up: it is the logarithm of how much rarer such a start is than an everyday one.
        """
        self._since = min(self._since, at)
        self._learn(at - LEARNED_AFTER_S)
        known = self._known.setdefault(signature, _Known())
        starts = at - known.last_at > EPISODE_GAP_S
        known.last_at = max(known.last_at, at)
        self._count(signature, known, at)
        days = self.learned_days(at)
        found: float | None = None
        if starts:
            self._begun.append((at, signature))
            found = self._rarity(known, at, days)
        burst = self._burst(known, at) if days and not found else 0.0
        return burst or found

    def _rarity(self, known: _Known, at: float, days: float) -> float:
        if not days:
            return math.log(USUAL_PER_DAY / UNSEEN)
        if self._regular(known, at):
            return 0.0
        return max(0.0, math.log(USUAL_PER_DAY * days / (known.episodes + UNSEEN)))

    def _regular(self, known: _Known, at: float) -> bool:
        """Whether it started at this hour on most days, or at this hour of most weeks."""
        for name, length in (("day", DAY_S), ("week", 7 * DAY_S)):
            period = int((at - self._since) // length)
            near = {
                slot % round(length / HOUR_S) for slot in range(_hour(at, length) - 1, _hour(at, length) + 2)
            }
            seen: set[int] = set().union(*(known.periods.get((name, slot), set()) for slot in near))
            if period and 2 * len(seen) > period:
                return True
        return False

    def _burst(self, known: _Known, at: float) -> float:
        """How surprising a change of rate is, once for as long as it lasts."""
        goes_on = at - known.burst_at <= EPISODE_GAP_S
        most = known.most_in_minute
        if goes_on or not most or known.in_minute <= BURST * most + BURST_MORE:
            if goes_on:
                known.burst_at = at
            return 0.0
        known.burst_at = at
        return math.log(USUAL_PER_DAY * known.in_minute / most)

    def _count(self, signature: str, known: _Known, at: float) -> None:
        minute = int(at // MINUTE_S)
        if minute != known.minute:
            if known.in_minute:
                self._minutes.append((at, signature, known.in_minute))
            known.minute, known.in_minute = minute, 0
        known.in_minute += 1

    def _learn(self, until: float) -> None:
        while self._begun and self._begun[0][0] <= until:
            at, signature = self._begun.popleft()
            known = self._known[signature]
            known.episodes += 1
            for name, length in (("day", DAY_S), ("week", 7 * DAY_S)):
                period = int((at - self._since) // length)
                known.periods.setdefault((name, _hour(at, length)), set()).add(period)
        while self._minutes and self._minutes[0][0] <= until:
            _, signature, count = self._minutes.popleft()
            known = self._known[signature]
            known.most_in_minute = max(known.most_in_minute, count)


def _hour(at: float, length: float) -> int:
    return int((at % length) // HOUR_S)


@dataclass(frozen=True, slots=True)
class Placed:
    """Where an alert went: a group of its own kind, or beside what is going on; 0 is the counter of everyday alerts."""

    group: int
    beside: bool = False


class Onsets:
    """Groups a stream of alerts: what starts at one place within seconds of each other belongs together.

    A group is worth showing once what started in it is surprising enough together; until then it is held, and everyday
    alerts go to a counter. While something clearly surprising is shown, everyday alerts are kept beside it, as its
    surroundings.
    """

    TOGETHER_S = 5.0
    WORTH_SHOWING = 1.0
    GOES_ON_S = 600.0
    SURROUNDINGS_S = 1_800.0
    WORTH_SURROUNDINGS = 2.0
    NEWS = (
        4  # What starts oftener than that within a few hours is a repetition, though it is not learned yet.
    )

    def __init__(self) -> None:
        self.everyday = Everyday()
        self.shown: set[int] = set()
        self.counted: Counter[str] = Counter()
        self._groups = 0
        self._forming: dict[str, tuple[int, float]] = {}
        self._sum: dict[int, float] = {}
        self._of: dict[str, int] = {}
        self._newest: dict[str, tuple[int, float]] = {}
        self._around: tuple[int, float] = (0, -math.inf)
        self._starts: dict[str, deque[float]] = {}

    def place(self, signature: str, where: str, at: float) -> Placed:
        """Show one alert, in order of time; `shown` tells which of the groups that were named are worth showing."""
        surprise = self.everyday.surprise(signature, at)
        if not self.everyday.learned_days(at):
            self.counted[signature] += 1
            return Placed(0)
        if surprise is not None:
            self._start(signature, where, at, surprise)
        group = self._of.get(signature, 0)
        if group in self.shown:
            newest, seen = self._newest.get(where, (0, -math.inf))
            group = newest if newest > group and at - seen <= self.GOES_ON_S else group
            self._newest[where] = (max(newest, group), at)
            around = self._around_at(at, self._sum.get(group, 0.0))
            if around:
                self._around = (around, at)
            return Placed(group)
        if not group:
            self.counted[signature] += 1
        around, seen = self._around
        return Placed(around, beside=True) if at - seen <= self.SURROUNDINGS_S else Placed(group)

    def _start(self, signature: str, where: str, at: float, surprise: float) -> None:
        self._of.pop(signature, None)
        if surprise <= 0 or self._repeats(signature, at):
            return
        group, last = self._forming.get(where, (0, -math.inf))
        if at - last > self.TOGETHER_S:
            group = self._named()
        self._forming[where] = (group, at)
        self._of[signature] = group
        self._sum[group] = self._sum.get(group, 0.0) + surprise
        if self._sum[group] >= self.WORTH_SHOWING:
            self.shown.add(group)
            self._newest[where] = (group, at)

    def _repeats(self, signature: str, at: float) -> bool:
        """Whether it has started often enough of late; what is that recent is not in the baseline."""
        starts = self._starts.setdefault(signature, deque(maxlen=self.NEWS + 1))
        starts.append(at)
        return len(starts) > self.NEWS and at - starts[0] <= LEARNED_AFTER_S

    def _around_at(self, at: float, worth: float) -> int:
        """The surroundings at that time; 0 where there are none yet and what is shown is not worth any."""
        around, seen = self._around
        if at - seen <= self.SURROUNDINGS_S:
            return around
        if worth < self.WORTH_SURROUNDINGS:
            return 0
        around = self._named()
        self.shown.add(around)
        return around

    def _named(self) -> int:
        self._groups += 1
        return self._groups
