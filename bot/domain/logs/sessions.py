"""Sessions judged by what they wrote: the distance to the nearest normal session in counts of templates.

A session is one request, instance or block with the ids of its templates. Learned from normal sessions only, the line
between usual and unusual included; no label is ever read. Bounded by the number of distinct sessions it remembers.
What few normal sessions cannot show is estimated: the line is drawn further out, and an event that none of them has is
unusual by itself only where events of single sessions are so rare that another one is not to be expected.
"""

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

MOST_KINDS = 3_000  # Distinct normal sessions that are remembered; the commonest stay.
QUANTILE = 0.99  # Share of the normal sessions that lie within the line when each is judged by the others.
MOST_JUDGED = 1_500  # Distinct normal sessions that are judged by the others to draw the line.

Counts = tuple[tuple[Hashable, int], ...]


@dataclass(frozen=True, slots=True)
class SessionModel:
    """What normal sessions look like: their distinct counts and events, and how far from all of them is unusual."""

    known: tuple[Counts, ...]
    line: float
    events: frozenset[Hashable]
    complete: bool  # Whether a normal session would hardly have an event that none had so far.

    def distance(self, session: Sequence[Hashable]) -> float:
        """0 (as one that is known) to 1 (nothing in common with any)."""
        counts = _counts(session)
        return _nearest(dict(counts), sum(count for _, count in counts), self.known, self._sizes())

    def unusual(self, session: Sequence[Hashable]) -> bool:
        """Whether the session is further from all normal ones than they are from each other."""
        return self.new_to(session) or self.distance(session) > self.line

    def new_to(self, session: Iterable[Hashable]) -> bool:
        """Whether an event of the session would have been seen by now, were it normal."""
        return self.complete and not self.events.issuperset(session)

    def _sizes(self) -> tuple[int, ...]:
        return tuple(sum(count for _, count in one) for one in self.known)


def learn_sessions(sessions: Iterable[Sequence[Hashable]]) -> SessionModel:
    """A model of normal sessions."""
    return _learned(Counter(_counts(session) for session in sessions))


def learn_kinds(kinds: Mapping[tuple[Hashable, ...], int], *, rare_kept: bool) -> SessionModel:
    """A model of normal sessions that come as their events and how many had these.

    Where rare kinds were forgotten, nothing is known of events that none had.
    """
    times: Counter[Counts] = Counter()
    for kind, count in kinds.items():
        times[_counts(kind)] += count
    model = _learned(times)
    return model if rare_kept else replace(model, complete=False)


def _learned(times: Counter[Counts]) -> SessionModel:
    kept = tuple(counts for counts, _ in times.most_common(MOST_KINDS))
    having: Counter[Hashable] = Counter()
    for counts, sessions in times.items():
        having.update({event: sessions for event, _ in counts})
    single = sum(sessions == 1 for sessions in having.values())
    # After Good and Turing, rounded up: so often the next session has an event that none had.
    complete = single + 1 <= (1.0 - QUANTILE) * times.total()
    return SessionModel(kept, _line(kept, times), frozenset(having), complete)


def verdicts(model: SessionModel, sessions: Iterable[Sequence[Hashable]]) -> list[bool]:
    """`unusual` for many sessions; equal ones are judged once."""
    known: dict[Counts, bool] = {}
    sizes = model._sizes()  # noqa: SLF001 - the same module
    judged = []
    for session in sessions:
        counts = _counts(session)
        if counts not in known:
            total = sum(count for _, count in counts)
            far = _nearest(dict(counts), total, model.known, sizes) > model.line
            known[counts] = far or model.new_to(event for event, _ in counts)
        judged.append(known[counts])
    return judged


def _line(kept: tuple[Counts, ...], times: Mapping[Counts, int]) -> float:
    """The quantile of each session's distance to the nearest other one; one seen twice has itself as the other."""
    sizes = tuple(sum(count for _, count in one) for one in kept)
    distances: list[tuple[float, int]] = []
    for place, one in enumerate(kept[:MOST_JUDGED]):
        if times[one] > 1 or len(kept) == 1:
            distances.append((0.0, times[one]))
            continue
        others, other_sizes = kept[:place] + kept[place + 1 :], sizes[:place] + sizes[place + 1 :]
        distances.append((_nearest(dict(one), sizes[place], others, other_sizes), times[one]))
    distances.sort()
    total = sum(weight for _, weight in distances)
    wanted, reached, line = QUANTILE * total, 0, 0.0
    for distance, weight in distances:
        reached += weight
        line = distance
        if reached >= wanted:
            break
    return line + _beyond(distances, total, sizes)


def _beyond(distances: Sequence[tuple[float, int]], total: int, sizes: Sequence[int]) -> float:
    """How much further out the quantile lies than what so few sessions can show, by an exponential tail.

    Its mean is that of the distances, at least that of one event more in a session of usual size.
    """
    unseen = math.log(1.0 / (total + 1) / (1.0 - QUANTILE)) if total else 0.0
    if unseen <= 0:
        return 0.0
    mean = sum(distance * weight for distance, weight in distances) / total
    return unseen * max(mean, 1.0 / (median(sizes) + 1))


def _nearest(
    session: Mapping[Hashable, int], size: int, known: Sequence[Counts], sizes: Sequence[int]
) -> float:
    best = 1.0
    for counts, other in zip(known, sizes, strict=True):
        most = max(size, other)
        # The sizes alone make the two at least this far apart.
        if not most or 1.0 - min(size, other) / most >= best:
            continue
        common = sum(min(session.get(event, 0), count) for event, count in counts)
        union = size + other - common
        best = min(best, 1.0 - common / union)
        if best == 0.0:
            break
    return best


def _counts(session: Sequence[Hashable]) -> Counts:
    return tuple(sorted(Counter(session).items(), key=lambda item: str(item[0])))
