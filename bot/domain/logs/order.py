"""Known kinds of line in an order that a service never wrote, with no session id in the lines.

Learned is, for each kind, which other kind comes before it nearly always, and within how many lines. Requests that run
side by side mix their lines, so the reach is what the service needs, and only a line that lacks its forerunner in twice
that reach counts: load may double. Where a forerunner is always near by chance, nothing is told. Bounded; no clock.
"""

from collections import Counter, deque
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

REACHES = (
    1,
    2,
    4,
    8,
    16,
    32,
    64,
)  # Lines back; a forerunner is learned within one of them and judged within the next.
GAP_S = 30.0  # What comes so much later follows from nothing before it.
LEAST_TIMES = 50  # Lines of a kind below which nothing is known of it.
MOST_MISSING = 0.02  # Share of a kind's lines that may lack its forerunner.
MOST_CHANCE = 0.9  # A forerunner that is in reach so often anyway tells nothing.
MOST_CANDIDATES = 6
MOST_YOUNG = 24  # Candidates of a kind that is not known well enough yet.
MOST_KINDS = 200
FAR = 1_000_000
MOST_LOOKS = 20
KEPT_S = 180.0  # So long a look counts.
LEAST_ODD = 8
LEAST_ALIKE = 3
TIMES = 5.0  # Times as many as expected...
SPREADS = 8.0  # ...and this far outside of what chance gives.


@dataclass(frozen=True, slots=True)
class Disorder:
    """Lines without their forerunner: how many, how far beyond chance (spreads), since when, the commonest pair."""

    lines: int
    far: float
    since_at: float
    kind: str
    forerunner: str


@dataclass(slots=True)
class _Look:
    at: float
    odd: int
    expected: float
    since_at: float


@dataclass(slots=True)
class _Kind:
    """How often it came, and how often each candidate was within each reach before it."""

    times: int = 0
    before: dict[str, list[int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Rule:
    forerunner: str
    reach: int
    missing: float


class _Past:
    """The last lines that came without a gap: where each kind was last."""

    __slots__ = ("_gap_at", "_last", "_lines", "_place", "_start")

    def __init__(self, tail: Sequence[str], ended_at: float) -> None:
        self._lines = deque(tail, REACHES[-1])
        self._last = {kind: place for place, kind in enumerate(tail)}
        self._place, self._start, self._gap_at = len(tail), 0, ended_at + GAP_S

    def wait(self, at: float) -> bool:
        """Until `at`; whether enough lines came before it."""
        if at > self._gap_at:
            self._lines.clear()
            self._last.clear()
            self._start = self._place
        self._gap_at = at + GAP_S
        return self._place - self._start >= REACHES[-1]

    def add(self, kind: str) -> None:
        self._last[kind] = self._place
        self._lines.append(kind)
        self._place += 1

    def back(self, kind: str) -> int:
        """How many lines ago it came; far, where it did not."""
        last = self._last.get(kind)
        return FAR if last is None else self._place - last

    def nearest(self, most: int) -> list[str]:
        """Kinds that came before, the last one first."""
        return list(dict.fromkeys(reversed(self._lines)))[:most]

    @property
    def tail(self) -> list[str]:
        return list(self._lines)


@dataclass(slots=True)
class Order:
    """What comes before what in one service; `tail` are its last kinds and when they ended, in unix seconds."""

    kinds: dict[str, _Kind] = field(default_factory=dict)
    tail: list[str] = field(default_factory=list)
    ended_at: float = 0.0
    looks: list[_Look] = field(default_factory=list)

    def read(self, lines: Sequence[tuple[float, str]], *, began: float, now: float) -> Disorder | None:
        """Judge the lines (time, kind) since `began` by what came before them, and learn them all."""
        past = _Past(self.tail, self.ended_at)
        rules: dict[str, tuple[_Rule, ...]] = {}
        odd: Counter[tuple[str, str]] = Counter()
        expected, since = 0.0, now
        for at, kind in lines:
            if past.wait(at):
                if at >= began:
                    if kind not in rules:
                        rules[kind] = self._rules(kind)
                    expected += max((rule.missing for rule in rules[kind]), default=0.0)
                    lacked = next((one for one in rules[kind] if past.back(one.forerunner) > one.reach), None)
                    if lacked is not None:
                        odd[kind, lacked.forerunner] += 1
                        since = min(since, at)
                self._learn(kind, past)
            past.add(kind)
        if lines:
            self.tail, self.ended_at = past.tail, lines[-1][0]
        self.looks = [one for one in self.looks if one.at >= max(now - KEPT_S, began)][-MOST_LOOKS + 1 :]
        self.looks.append(_Look(now, odd.total(), round(expected, 3), since))
        return self._judge(odd)

    def renamed(self, names: Mapping[str, str]) -> None:
        """Kinds that became others; of those that became one, the one that came most often stands for all."""
        kinds: dict[str, _Kind] = {}
        for kind in sorted(self.kinds, key=lambda one: (-self.kinds[one].times, one)):
            known, name = self.kinds[kind], names.get(kind, kind)
            before: dict[str, list[int]] = {}
            for candidate, times in known.before.items():
                before.setdefault(names.get(candidate, candidate), times)
            before.pop(name, None)
            kinds.setdefault(name, _Kind(known.times, before))
        self.kinds = kinds
        self.tail = [names.get(kind, kind) for kind in self.tail]

    def keep(self, known: Container[str]) -> None:
        """Forget what is not `known` any more."""
        self.kinds = {kind: one for kind, one in self.kinds.items() if kind in known}
        for one in self.kinds.values():
            one.before = {name: times for name, times in one.before.items() if name in known}
        self.tail = self.tail if all(kind in known for kind in self.tail) else []

    def dump(self) -> dict[str, Any]:
        """As JSON; kinds by their numbers."""
        names = sorted(
            {*self.kinds, *self.tail, *(name for one in self.kinds.values() for name in one.before)}
        )
        number = {name: place for place, name in enumerate(names)}
        return {
            "names": names,
            "kinds": [
                [number[kind], one.times, [[number[name], *times] for name, times in one.before.items()]]
                for kind, one in self.kinds.items()
            ],
            "tail": [number[kind] for kind in self.tail],
            "ended_at": self.ended_at,
            "looks": [[one.at, one.odd, one.expected, one.since_at] for one in self.looks],
        }

    @classmethod
    def load(cls, given: Mapping[str, Any]) -> Self:
        """From `dump`."""
        names: list[str] = given["names"]
        kinds = {
            names[kind]: _Kind(times, {names[one]: counts for one, *counts in before})
            for kind, times, before in given["kinds"]
        }
        looks = [_Look(*one) for one in given["looks"]]
        return cls(kinds, [names[one] for one in given["tail"]], float(given["ended_at"]), looks)

    def _rules(self, kind: str) -> tuple[_Rule, ...]:
        """Forerunners that tell something: each within the least reach that nearly always has it."""
        known = self.kinds.get(kind)
        if known is None or known.times < LEAST_TIMES:
            return ()
        total = sum(one.times for one in self.kinds.values())
        found = []
        for name, before in known.before.items():
            lacking = [(known.times - times + 1) / (known.times + 1) for times in before]
            place = next((at for at, share in enumerate(lacking[:-1]) if share <= MOST_MISSING), None)
            if place is None:
                continue
            often = self.kinds[name].times / total if name in self.kinds else 0.0
            if 1.0 - (1.0 - often) ** REACHES[place + 1] <= MOST_CHANCE:
                found.append(_Rule(name, REACHES[place + 1], lacking[place + 1]))
        return tuple(found)

    def _learn(self, kind: str, past: _Past) -> None:
        known = self.kinds.get(kind)
        if known is None:
            if len(self.kinds) >= MOST_KINDS:
                return
            known = self.kinds[kind] = _Kind()
        if known.times < LEAST_TIMES:
            fresh = [name for name in past.nearest(MOST_YOUNG) if name != kind and name not in known.before]
            known.before.update(
                {name: [0] * len(REACHES) for name in fresh[: MOST_YOUNG - len(known.before)]}
            )
        known.times += 1
        for name, before in known.before.items():
            back = past.back(name)
            for place, reach in enumerate(REACHES):
                before[place] += back <= reach
        if known.times == LEAST_TIMES:
            self._choose(known)

    def _choose(self, known: _Kind) -> None:
        """Keep some of those that may be forerunners: the nearest, which tell of single steps, and the rarest."""
        enough = (1.0 - 2 * MOST_MISSING) * known.times
        near = sorted(name for name, before in known.before.items() if before[-2] >= enough)
        near.sort(key=lambda name: -sum(known.before[name]))
        rare = sorted(near, key=lambda name: self.kinds[name].times if name in self.kinds else 0)
        half = MOST_CANDIDATES // 2
        known.before = {name: known.before[name] for name in [*near[:half], *rare[:half]]}

    def _judge(self, odd: Counter[tuple[str, str]]) -> Disorder | None:
        lines, expected = sum(one.odd for one in self.looks), sum(one.expected for one in self.looks)
        far = (lines - expected) / (expected + 1.0) ** 0.5
        if lines < max(LEAST_ODD, TIMES * expected) or far < SPREADS:
            return None
        # One odd request is none of these: a kind must have lacked its forerunner more than once.
        (kind, forerunner), times = max(
            odd.items(), key=lambda item: (item[1], item[0]), default=(("", ""), 0)
        )
        if times < LEAST_ALIKE:
            return None
        return Disorder(lines, far, min(one.since_at for one in self.looks if one.odd), kind, forerunner)
