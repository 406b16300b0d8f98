"""Clues: what points at one service by itself, with no need to explain its symptoms away along the graph.

The calls of services, seen from both sides, tell the slow from those who wait. Each kind of clue has a file of its
own; here is what they share: the clue, and how a series is split into before and after.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from bot.domain.canonical import Json
from bot.domain.diagnosis.tuning import ALARM_Z
from bot.domain.diagnosis.window import Window
from bot.domain.evidence import EvidenceKind
from bot.domain.trust import Trust


class ClueKind(StrEnum):
    """What a clue is made of; each kind is a signal of its own."""

    NETWORK = "network"
    OWN_TIME = "own_time"
    FAILURES = "failures"
    STEPS = "steps"
    SILENCE = "silence"
    LOG = "log"
    RESOURCE = "resource"


SAYS = {
    ClueKind.NETWORK: "Time is lost on the way to or from {}, not in those that it calls",
    ClueKind.OWN_TIME: "{} works longer by itself, whatever it waits for taken off",
    ClueKind.FAILURES: "{} fails by itself, with no callee that failed",
    ClueKind.STEPS: "{} takes other steps than usual, and no callee explains it",
    ClueKind.SILENCE: "{} stopped making calls that it always made",
    ClueKind.LOG: "{} writes other log lines than usual",
    ClueKind.RESOURCE: "{} uses more than it ever does, if little",
}


@dataclass(frozen=True, slots=True)
class Clue:
    """One finding about one service; `strength` is 0..1, `text` the sentence on the card, `about` tells clues apart."""

    service: str
    kind: ClueKind
    strength: float
    at: float
    text: str
    about: str
    value: Mapping[str, Json] = field(default_factory=dict)
    link: str = ""
    quote: str = ""


def filed_as(kind: ClueKind) -> tuple[EvidenceKind, str, Trust]:
    """Kind, source and trust of the evidence that a clue of this kind is."""
    if kind is ClueKind.LOG:
        return EvidenceKind.LOG, "logs", Trust.PUBLIC
    if kind is ClueKind.RESOURCE:
        return EvidenceKind.METRIC, "metrics", Trust.WORKLOAD
    return EvidenceKind.TRACE, "traces", Trust.WORKLOAD


def louder(one: Clue | None, other: Clue) -> Clue:
    """The stronger of two clues, whatever their order; the first may be missing."""
    if one is None or (other.strength, other.about) > (one.strength, one.about):
        return other
    return one


@dataclass(frozen=True, slots=True)
class Split:
    """Places of a series' steps that end by the first symptom, and of those that begin after it."""

    before: range
    after: range


@dataclass(frozen=True, slots=True)
class Splits:
    """Splits of one source's steps at the first symptom."""

    step_s: float
    window: Window

    def of(self, times: Sequence[float]) -> Split:
        """Where the two sides are; the step that holds the first symptom belongs to neither."""
        begin = bisect_left(times, self.window.since + self.step_s)
        end = bisect_left(times, self.window.now + self.step_s)  # The last step may be a part of one.
        return Split(range(bisect_right(times, self.window.since)), range(begin, max(begin, end)))


def total(values: Sequence[float], places: range) -> float:
    """Sum over places."""
    return math.fsum(values[places.start : places.stop])


def quantile(values: Sequence[float], weights: Sequence[float], places: range, share: float) -> float | None:
    """Weighted quantile of the measured values; None where nothing was measured."""
    start, stop = places.start, places.stop
    known = sorted(
        (value, weight)
        for value, weight in zip(values[start:stop], weights[start:stop], strict=True)
        if weight > 0 and not math.isnan(value)
    )
    goal, seen = share * math.fsum(weight for _, weight in known), 0.0
    for value, weight in known:
        seen += weight
        if seen >= goal:
            return value
    return None


def exceeded(values: Sequence[float], weights: Sequence[float], places: range, level: float) -> float:
    """Share of the weight that lies at a level or above."""
    every = reached = 0.0
    for value, weight in zip(
        values[places.start : places.stop], weights[places.start : places.stop], strict=True
    ):
        if not math.isnan(value):
            every += weight
            reached += weight if value >= level else 0.0
    return reached / every if every else 0.0


@dataclass(frozen=True, slots=True)
class Move:
    """A duration before and after, in seconds, and by how many robust sigmas it grew.

    `since` is the place of the first step that is nearer to after than to before, `lasting` the share of the steps
    from there on that are: a fault lasts, a pause does not. `calls` are those in such steps.
    """

    before: float
    after: float
    z: float
    since: int
    lasting: float
    calls: float


REACHED = 0.6  # What the slower two fifths of the calls reach counts: a fault may begin late in the window.
MAD_TO_SIGMA = 1.4826
IQR_TO_SIGMA = 0.7413


def moved(values: Sequence[float], calls: Sequence[float], halves: Split, floor: float) -> Move | None:
    """How a duration moved; `floor` is the least scale in seconds. None without both sides, z 0 for a small move."""
    usual = quantile(values, calls, halves.before, 0.5)
    level = quantile(values, calls, halves.after, REACHED)
    if usual is None or level is None:
        return None
    if level - usual < ALARM_Z * floor:
        return Move(usual, level, 0.0, halves.after.start, 0.0, 0.0)
    away = [abs(value - usual) for value in values]
    mad = quantile(away, calls, halves.before, 0.5) or 0.0
    high = quantile(values, calls, halves.before, 0.75) or usual
    low = quantile(values, calls, halves.before, 0.25) or usual
    scale = max(mad * MAD_TO_SIGMA, (high - low) * IQR_TO_SIGMA, floor, 1e-6)
    middle = (usual + level) / 2
    known = [place for place in halves.after if calls[place] > 0 and not math.isnan(values[place])]
    high_ones = [place for place in known if values[place] >= middle] or known[:1]
    since = high_ones[0]
    later = sum(place >= since for place in known)
    carried = math.fsum(calls[place] for place in high_ones)
    return Move(usual, level, (level - usual) / scale, since, len(high_ones) / later, carried)
