"""Log novelty: templates that a service began to write around the onset and had not written before.

Variable parts are masked, what is left is the template. Log text can be written by anybody, so novelty is public
evidence: it may support a suspicion and never carries one alone.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bot.domain.telemetry import LogLine

HALF_LINES = 4.0  # Lines of new templates at which the strength is one half.
PLAIN = 0.7  # Weight of new lines that do not sound like trouble.
MOST_CHARS = 400  # Longer lines are cut before masking.
SLACK_S = 30.0  # A log line may come this long before the metrics show the onset.

_MASKS = (
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?"), "<time>"),
    (re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.IGNORECASE), "<id>"),
    (re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b"), "<address>"),
    (re.compile(r"\"[^\"]*\"|'[^']*'"), "<text>"),
    (re.compile(r"\b(?=[0-9a-z-]*\d)[0-9a-z]+(?:-[0-9a-z]+){2,}\b", re.IGNORECASE), "<name>"),
    (re.compile(r"\b(?:0x)?(?=[0-9a-f]*\d)[0-9a-f]{8,}\b", re.IGNORECASE), "<hex>"),
    (re.compile(r"\d+(?:\.\d+)?"), "<n>"),
    (re.compile(r"\s+"), " "),
)
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


def template_of(text: str) -> str:
    """The line without its variable parts."""
    masked = text[:MOST_CHARS]
    for pattern, word in _MASKS:
        masked = pattern.sub(word, masked)
    return masked.strip()


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


def _judge(service: str, lines: list[LogLine], since: float) -> Novelty | None:
    known = {template_of(line.text) for line in lines if line.at < since}
    if not known:
        return None
    new: dict[str, list[LogLine]] = {}
    for line in lines:
        if line.at >= since:
            template = template_of(line.text)
            if template not in known:
                new.setdefault(template, []).append(line)
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
