"""The share of what serves that a step takes away: of copies, of a service's pods, of what a load balancer can carry.

Pure arithmetic without rounding, so that the cap holds exactly at its boundary and over several steps of one plan.
"""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

Live = Mapping[str, str]
Params = Mapping[str, str | int]
Taken = Callable[[Live, Params], Fraction]
NOTHING = Fraction(0)


def takes_nothing(_live: Live, _params: Params) -> Fraction:
    """For actions that leave as much serving as there is."""
    return NOTHING


def fewer(param: str, field: str) -> Taken:
    """For a parameter that sets how many copies there are, of which a live field tells; KeyError where it is absent."""

    def taken(live: Live, params: Params) -> Fraction:
        before = live[field]
        return lost(int(before) if before.isdigit() else 0, int(params[param]))

    return taken


def lost(before: int | Fraction, after: int | Fraction) -> Fraction:
    """The part of `before` that is gone when `after` is left: 0 to 1."""
    return Fraction(before - max(after, 0)) / before if before > 0 and before > after else NOTHING


def together(parts: Sequence[Fraction]) -> Fraction:
    """What is gone after each part was taken from what the parts before it had left."""
    left = Fraction(1)
    for part in parts:
        left *= 1 - part
    return 1 - left


def carried(targets: Sequence[tuple[int, int]]) -> Fraction:
    """How many targets' worth of traffic fits before the first group is full, by (weight, healthy targets) of each."""
    sharing = [(weight, healthy) for weight, healthy in targets if weight > 0]
    total = sum(weight for weight, _ in sharing)
    return min((Fraction(total * healthy, weight) for weight, healthy in sharing), default=NOTHING)


def percent(part: Fraction) -> int:
    """In per cent, rounded up: what is shown to people, and never less than what is meant."""
    return -(-100 * part.numerator // part.denominator)
