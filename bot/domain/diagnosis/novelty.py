"""Log novelty: templates that a service began to write around the onset and had not written before.

What a template is, the log miner says; here lines are only told apart by when they came. Log text can be written by
anybody, so novelty is public evidence: it may support a suspicion and never carries one alone.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bot.domain.logs.miner import Miner
from bot.domain.telemetry import LogLine

HALF_LINES = 4.0  # Lines of new templates at which the strength is one half.
PLAIN = 0.7  # Weight of new lines that do not sound like trouble.
SLACK_S = 30.0  # A log line may come this long before the metrics show the onset.

_TROUBLE = re.compile(
    r"\b(?:error|exception|fatal|panic|fail(?:ed|ure)?|refused|timeout|timed out|traceback|denied|unavailable|"
    r"cannot|could not|undefined|null|oom|killed|crash\w*|deadlock|exhausted|too many)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Novelty:
    """New templates of one service: how strong (0..1), how many lines, the first time and one example line."""

    service: str
    strength: float
    lines: int
    first_at: float
    template: str
    example: LogLine


def novelties(logs: Iterable[LogLine], *, onset_at: float) -> dict[str, Novelty]:
    """New templates per service; a service with no earlier lines has no baseline and is not judged."""
    per_service: dict[str, list[LogLine]] = {}
    for line in logs:
        per_service.setdefault(line.service, []).append(line)
    found = {}
    for service, lines in per_service.items():
        novelty = _judge(service, lines, onset_at - SLACK_S)
        if novelty is not None:
            found[service] = novelty
    return found


def _judge(service: str, lines: Sequence[LogLine], since: float) -> Novelty | None:
    """Earlier lines are learned first, so that what varied before the onset does not look new after it."""
    ordered = sorted(lines, key=lambda line: (line.at, line.text))
    if ordered[0].at >= since:
        return None
    miner = Miner()
    ids = miner.learn_all([line.text for line in ordered])
    named = [(miner.resolve(template), line) for template, line in zip(ids, ordered, strict=True)]
    known = {template for template, line in named if line.at < since}
    new: dict[str, list[LogLine]] = {}
    for template, line in named:
        if line.at >= since and template not in known:
            new.setdefault(miner.text(template), []).append(line)
    return _summed(service, new) if new else None


def _summed(service: str, new: Mapping[str, list[LogLine]]) -> Novelty:
    weights = {template: len(lines) * _weight(template) for template, lines in new.items()}
    loudest = max(weights, key=lambda template: (weights[template], template))
    total = sum(weights.values())
    example = min(new[loudest], key=lambda line: (line.at, line.text))
    first_at = min(line.at for lines in new.values() for line in lines)
    count = sum(len(lines) for lines in new.values())
    return Novelty(service, total / (total + HALF_LINES), count, first_at, loudest, example)


def _weight(template: str) -> float:
    return 1.0 if _TROUBLE.search(template) else PLAIN
