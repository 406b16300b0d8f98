"""Single log lines counted into patterns, one miner for each service; what a log store does that knows no patterns."""

import math
from collections.abc import Iterable, Sequence

from bot.domain.log_patterns import LogPattern, LogPatterns
from bot.domain.logs.miner import Miner
from bot.domain.telemetry import LogLine

MOST_PATTERNS = 2000  # For each service; the commonest are kept.


def counted(lines: Iterable[LogLine], *, step_s: float = 30.0) -> LogPatterns:
    """Patterns of all services over common steps."""
    services: dict[str, list[LogLine]] = {}
    for line in lines:
        services.setdefault(line.service, []).append(line)
    steps = sorted({math.floor(line.at / step_s) for found in services.values() for line in found})
    places = {step: place for place, step in enumerate(steps)}
    times = tuple((step + 1) * step_s for step in steps)
    patterns: list[LogPattern] = []
    for service in sorted(services):
        patterns.extend(_of(service, sorted(services[service], key=_order), step_s, places, times))
    return LogPatterns(step_s, tuple(patterns))


def _order(line: LogLine) -> tuple[float, str]:
    return line.at, line.text


def _of(
    service: str, lines: Sequence[LogLine], step_s: float, places: dict[int, int], times: tuple[float, ...]
) -> list[LogPattern]:
    miner = Miner()
    ids = miner.learn_all([line.text for line in lines])
    counts: dict[int, list[float]] = {}
    examples: dict[int, LogLine] = {}
    for line, template in zip(lines, ids, strict=True):
        known = miner.resolve(template)
        if known not in counts:
            counts[known] = [0.0] * len(times)
            examples[known] = line
        counts[known][places[math.floor(line.at / step_s)]] += 1
    commonest = sorted(counts, key=lambda one: (-sum(counts[one]), one))[:MOST_PATTERNS]
    return [
        LogPattern(
            service, miner.text(one), times, tuple(counts[one]), examples[one].text, examples[one].trust
        )
        for one in commonest
    ]
