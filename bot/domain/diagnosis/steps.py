"""Steps that an operation never took before: a wrong result or an exception shows so, even where no duration moves.

The steps of an operation are a template, as a log line's is. A caller whose runs break off is explained by a callee
whose runs do, as far as the callee has as many of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from bot.domain.calls import Calls, PatternSeries, graph_of
from bot.domain.canonical import Json
from bot.domain.diagnosis import tuning
from bot.domain.diagnosis.clues import Clue, ClueKind, Splits, total
from bot.domain.diagnosis.window import Window


@dataclass(frozen=True, slots=True)
class _Counts:
    pattern: PatternSeries
    before: float
    after: float


def step_clues(parts: Iterable[Calls], window: Window) -> list[Clue]:
    """The most unusual operation of each service, less what its callees explain."""
    parts = tuple(parts)
    worst: dict[str, tuple[Clue, float]] = {}
    for part in parts:
        splits = Splits(part.step_s, window)
        owners: dict[tuple[str, str], list[PatternSeries]] = {}
        for one in part.patterns:
            owners.setdefault((one.service, one.operation), []).append(one)
        for patterns in owners.values():
            judged = _unusual(patterns, splits)
            known = worst.get(patterns[0].service)
            if judged is not None and (known is None or _order(judged) > _order(known)):
                worst[patterns[0].service] = judged
    return _explained(worst, graph_of(parts))


def _replaced(counts: Sequence[_Counts], seen: float, before: float, after: float) -> float:
    """How far the new steps took the place of old ones: a passing failure leaves most runs as they were."""
    lost = [
        1.0 - one.after / (one.before / before * after)
        for one in counts
        if one.before / before * after >= tuning.LEAST_CALLS
    ]
    return max(0.0, min(1.0, seen / after), *lost)


def _order(judged: tuple[Clue, float]) -> tuple[float, str]:
    return judged[1], judged[0].about


def _explained(worst: Mapping[str, tuple[Clue, float]], graph: Mapping[str, Sequence[str]]) -> list[Clue]:
    clues = []
    for service in sorted(worst):
        clue, runs = worst[service]
        below = max((worst[callee][1] for callee in graph.get(service, ()) if callee in worst), default=0.0)
        above = max((worst[one][1] for one in worst if service in graph.get(one, ())), default=0.0)
        strength = clue.strength * (1.0 - min(1.0, below / runs))
        if above > runs:
            strength *= tuning.CHANGED_ARGUMENTS
        if strength > 0:
            clues.append(replace(clue, strength=strength))
    return clues


def _unusual(patterns: Sequence[PatternSeries], splits: Splits) -> tuple[Clue, float] | None:
    halves = splits.of(patterns[0].times)
    counts = [
        _Counts(one, total(one.calls, halves.before), total(one.calls, halves.after)) for one in patterns
    ]
    before, after = sum(one.before for one in counts), sum(one.after for one in counts)
    if before < tuning.LEAST_BASE_CALLS or after < tuning.LEAST_CALLS:
        return None
    new = [one for one in counts if one.after / after >= tuning.NEW_STEPS * (one.before + 0.5) / before]
    seen = sum(one.after - one.before / before * after for one in new)
    # Steps seen once are as common as steps not seen yet: so many new ones are nothing new.
    expected = sum(one.before for one in counts if one.before <= 1) / before * after
    excess = seen - expected
    if excess < tuning.LEAST_CALLS or excess < tuning.ALARM_Z * (expected + 1.0) ** 0.5:
        return None
    worst = max(new, key=lambda one: (one.after, one.pattern.steps))
    service, operation = worst.pattern.service, worst.pattern.operation
    steps = ", ".join(worst.pattern.steps[:3]) or "nothing"
    text = (
        f"{operation} of {service} did only {steps} in {worst.after:.0f} of {after:.0f} runs, "
        f"usually in {worst.before / before * 100:.1f} %"
    )
    value: dict[str, Json] = {"runs": round(after), "new": round(excess, 2)}
    at = worst.pattern.times[halves.after[0]]
    strength = excess / (excess + tuning.HALF_RUNS)
    strength *= tuning.PASSING + (1.0 - tuning.PASSING) * _replaced(counts, seen, before, after)
    return Clue(service, ClueKind.STEPS, strength, at, text, operation, value), excess
