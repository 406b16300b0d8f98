"""What a service writes that it did not write before, and what it no longer writes, counted by patterns.

Log text is public evidence: it supports a suspicion and never carries one over the line. What its callees write as
often explains what a caller writes.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import log

from bot.domain.canonical import Json
from bot.domain.diagnosis import tuning
from bot.domain.diagnosis.clues import Clue, ClueKind, Splits, louder, total
from bot.domain.diagnosis.window import Window
from bot.domain.log_patterns import LogPattern, LogPatterns

_TROUBLE = re.compile(
    r"\b(?:error|exception|fatal|panic|fail(?:ed|ure)?|refused|timeout|timed out|traceback|denied|unavailable|"
    r"cannot|could not|undefined|null|oom|killed|crash\w*|deadlock|exhausted|too many|warn(?:ing)?)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Counts:
    pattern: LogPattern
    before: float
    after: float

    @property
    def sounds_bad(self) -> bool:
        return _TROUBLE.search(self.pattern.text) is not None


def log_clues(parts: Iterable[LogPatterns], window: Window, graph: Mapping[str, Sequence[str]]) -> list[Clue]:
    """New and vanished patterns of each service, less what its callees explain."""
    found: dict[str, tuple[Clue, float]] = {}
    for part in parts:
        splits = Splits(part.step_s, window)
        services: dict[str, list[LogPattern]] = {}
        for one in part.patterns:
            services.setdefault(one.service, []).append(one)
        for service in sorted(services):
            for judged in (_new(services[service], splits), _gone(services[service], splits)):
                known = found.get(service)
                if judged is not None and (known is None or louder(known[0], judged[0]) is judged[0]):
                    found[service] = judged
    clues = []
    for service in sorted(found):
        clue, lines = found[service]
        below = max((found[callee][1] for callee in graph.get(service, ()) if callee in found), default=0.0)
        strength = clue.strength * (1.0 - min(1.0, below / lines))
        if strength > 0:
            clues.append(replace(clue, strength=strength))
    return clues


def _counted(patterns: Sequence[LogPattern], splits: Splits) -> list[_Counts]:
    halves = splits.of(patterns[0].times)
    return [_Counts(one, total(one.lines, halves.before), total(one.lines, halves.after)) for one in patterns]


def _new(patterns: Sequence[LogPattern], splits: Splits) -> tuple[Clue, float] | None:
    counts = _counted(patterns, splits)
    before, after = sum(one.before for one in counts), sum(one.after for one in counts)
    if before < tuning.LEAST_BASE_CALLS or after < tuning.LEAST_CALLS:
        return None
    new = [
        one
        for one in counts
        if one.after and one.after / after >= tuning.NEW_STEPS * (one.before + 0.5) / before
    ]
    # Patterns seen once are as common as patterns not seen yet: so many new lines are nothing new.
    expected = sum(one.before for one in counts if one.before <= 1) / before * after
    weights = [(one.after - one.before / before * after) * _weight(one) for one in new]
    excess = sum(weights) - expected
    if excess < tuning.LEAST_CALLS or excess < tuning.ALARM_Z * (expected + 1.0) ** 0.5:
        return None
    worst = max(zip(weights, new, strict=True), key=lambda pair: (pair[0], pair[1].pattern.text))[1]
    usual = worst.before / before * 100
    return _clue(
        worst,
        f"wrote {worst.after:.0f} lines of a kind that is usually {usual:.1f} % of its lines",
        excess,
        splits,
    )


def _gone(patterns: Sequence[LogPattern], splits: Splits) -> tuple[Clue, float] | None:
    """The most surprising pattern that stopped while the service goes on writing."""
    halves = splits.of(patterns[0].times)
    counts = _counted(patterns, splits)
    before, after = sum(one.before for one in counts), sum(one.after for one in counts)
    if before < tuning.LEAST_BASE_CALLS or after < tuning.LEAST_CALLS:
        return None
    best: tuple[float, _Counts] | None = None
    for one in counts:
        expected = one.before / before * after
        if one.after > tuning.GONE_SHARE * expected or expected < tuning.LEAST_CALLS:
            continue
        steps = [place for place in halves.before if any(other.lines[place] for other in patterns)]
        missed = sum(one.pattern.lines[place] <= 0 for place in steps)
        late = sum(any(other.lines[place] for other in patterns) for place in halves.after)
        surprise = min(expected, late * log((len(steps) + 2) / (missed + 1)))
        if best is None or (surprise, one.pattern.text) > (best[0], best[1].pattern.text):
            best = surprise, one
    if best is None:
        return None
    usual = best[1].before / before * 100
    return _clue(
        best[1], f"no longer writes lines that are usually {usual:.1f} % of its lines", best[0], splits
    )


def _weight(one: _Counts) -> float:
    return 1.0 if one.sounds_bad else tuning.PLAIN_LINES


def _clue(one: _Counts, what: str, weight: float, splits: Splits) -> tuple[Clue, float]:
    halves = splits.of(one.pattern.times)
    at = one.pattern.times[halves.after[0]]
    value: dict[str, Json] = {"lines": round(one.after), "before": round(one.before)}
    strength = weight / (weight + tuning.HALF_CALLS)
    service = one.pattern.service
    quote = one.pattern.example or one.pattern.text
    clue = Clue(
        service, ClueKind.LOG, strength, at, f"{service} {what}", one.pattern.text, value, quote=quote
    )
    return clue, weight
