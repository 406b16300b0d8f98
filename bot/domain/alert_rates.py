"""How loudly a service alerts when it is hit, and how loudly when it is not: learned from the storm itself.

Most services are quiet, some are loud: two rates are fitted to the counts of all of them, the quiet ones included.
The loud rate has its own spread, so that one service with hundreds of alerts does not make five look quiet.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
        rates, share = _rates(counts, _memberships(values, rates, share))
    return rates


def _rates(counts: Mapping[int, int], loud: Mapping[int, float]) -> tuple[Rates, float]:
    """Rates, and the share of loud services, where each count is loud to the given degree."""
    services, weight, quiet, heard = 0, 0.0, 0.0, 0.0
    for value, number in counts.items():
        degree = loud[value]
        services += number
        weight += number * degree
        quiet += value * number * (1 - degree)
        heard += value * number * degree
    mean = heard / max(weight, 1e-9)
    square = sum((value - mean) ** 2 * number * loud[value] for value, number in counts.items())
    variance = (square + mean) / (weight + 1)
    spread = mean * mean / (variance - mean) if variance > mean else _EVEN
    share = min(0.95, max(1e-4, weight / max(1, services)))
    quiet_rate = (quiet + 0.05) / (services - weight + 1)
    return Rates(quiet_rate, max(mean, 0.5), min(_EVEN, max(_WILD, spread))), share


def _likelihood(counts: Mapping[int, int], rates: Rates, share: float) -> float:
    total = -rates.quiet / USUALLY_QUIET
    for number, (hit, other) in zip(counts.values(), _either(counts, rates, share), strict=True):
        high, low = (hit, other) if hit > other else (other, hit)
        total += number * (high + math.log1p(math.exp(low - high)))
    return total


def _memberships(values: Sequence[int], rates: Rates, share: float) -> dict[int, float]:
    """How likely a service with so many alerts is one that is hit."""
    return {
        value: 0.0 if value < rates.quiet else 1 / (1 + math.exp(max(-50.0, min(50.0, other - hit))))
        for value, (hit, other) in zip(values, _either(values, rates, share), strict=True)
    }


def _either(values: Iterable[int], rates: Rates, share: float) -> Iterator[tuple[float, float]]:
    """For each count: its log probability with a service that is hit, and with one that is not.

    As `_gathered` and `_chance` have it; what is the same for all counts is reckoned once.
    """
    quiet, loud, spread = rates.quiet, rates.loud, rates.spread
    some, others, lgamma = math.log(share), math.log1p(-share), math.lgamma
    none, steady = lgamma(spread), spread * math.log(spread / (spread + loud))
    each_loud, each_quiet = math.log(loud / (spread + loud)), math.log(quiet)
    for value in values:
        ways = lgamma(value + 1)
        hit = lgamma(value + spread) - none - ways + steady + value * each_loud
        yield some + hit, others + (value * each_quiet - quiet - ways)


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
