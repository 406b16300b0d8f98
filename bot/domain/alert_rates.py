"""How loudly a service alerts when it is hit, and how loudly when it is not: learned from the storm itself.

Most services are quiet, some are loud: two rates are fitted to the counts of all of them, the quiet ones included.
The loud rate has its own spread, so that one service with hundreds of alerts does not make five look quiet.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

MOST_SPLITS = 24
MOST_ONE_SERVICE_SAYS = 8.0  # In nats. However loud it is, one service is one witness.
USUALLY_QUIET = (
    0.5  # Alerts of a service that is not hit, while a storm lasts, before anything is known of this one.
)
SILENT = 0.25  # Rules are missing or slow: so often says a service nothing that is hit.
_SOFT_STEPS = 8
_EVEN = 50.0  # From this spread on, the loud rate is as regular as chance allows.
_WILD = 0.5


@dataclass(frozen=True, slots=True)
class Rates:
    """Alerts expected of a service that is not hit and of one that is; `spread` is small where the latter differ."""

    quiet: float
    loud: float
    spread: float

    def odds(self, count: float, *, silent: float = SILENT) -> float:
        """Log odds that a service with `count` alerts is hit, by its count alone; bounded either way."""
        hit = math.log1p(-silent) + _gathered(count, self.loud, self.spread)
        if count < 1:
            hit = math.log(silent + math.exp(hit))
        found = hit - _chance(count, self.quiet)
        return max(-MOST_ONE_SERVICE_SAYS, min(MOST_ONE_SERVICE_SAYS, found))


def fit_rates(counts: Mapping[int, int]) -> Rates:
    """`counts` says how many services have so many alerts (zero included): the likeliest two rates."""
    values = sorted(counts)
    splits = values[:-1]
    if len(splits) > MOST_SPLITS:
        splits = [splits[at * (len(splits) - 1) // (MOST_SPLITS - 1)] for at in range(MOST_SPLITS)]
    if not splits:
        return Rates(0.05, max(1.0, float(values[-1])), _EVEN) if values else Rates(0.05, 1.0, _EVEN)
    hard = [_rates(counts, {value: float(value > split) for value in values}) for split in splits]
    rates, share = max(hard, key=lambda one: _likelihood(counts, *one))
    for _ in range(_SOFT_STEPS):
        rates, share = _rates(counts, {value: _membership(value, rates, share) for value in values})
    return rates


def _rates(counts: Mapping[int, int], loud: Mapping[int, float]) -> tuple[Rates, float]:
    """Rates, and the share of loud services, where each count is loud to the given degree."""
    weight = sum(number * loud[value] for value, number in counts.items())
    quiet_weight = sum(counts.values()) - weight
    quiet = sum(value * number * (1 - loud[value]) for value, number in counts.items())
    mean = sum(value * number * loud[value] for value, number in counts.items()) / max(weight, 1e-9)
    square = sum((value - mean) ** 2 * number * loud[value] for value, number in counts.items())
    variance = (square + mean) / (weight + 1)
    spread = mean * mean / (variance - mean) if variance > mean else _EVEN
    share = min(0.95, max(1e-4, weight / max(1, sum(counts.values()))))
    found = Rates((quiet + 0.05) / (quiet_weight + 1), max(mean, 0.5), min(_EVEN, max(_WILD, spread)))
    return found, share


def _likelihood(counts: Mapping[int, int], rates: Rates, share: float) -> float:
    total = -rates.quiet / USUALLY_QUIET
    for value, number in counts.items():
        hit = math.log(share) + _gathered(value, rates.loud, rates.spread)
        other = math.log1p(-share) + _chance(value, rates.quiet)
        high, low = max(hit, other), min(hit, other)
        total += number * (high + math.log1p(math.exp(low - high)))
    return total


def _membership(value: int, rates: Rates, share: float) -> float:
    hit = math.log(share) + _gathered(value, rates.loud, rates.spread)
    other = math.log1p(-share) + _chance(value, rates.quiet)
    if value < rates.quiet:
        return 0.0
    return 1 / (1 + math.exp(max(-50.0, min(50.0, other - hit))))


def _chance(count: float, rate: float) -> float:
    """Log probability of a count at a steady rate (Poisson)."""
    return count * math.log(rate) - rate - math.lgamma(count + 1)


def _gathered(count: float, rate: float, spread: float) -> float:
    """Log probability of a count where the rate itself differs (negative binomial)."""
    return (
        math.lgamma(count + spread)
        - math.lgamma(spread)
        - math.lgamma(count + 1)
        + spread * math.log(spread / (spread + rate))
        + count * math.log(rate / (spread + rate))
    )
