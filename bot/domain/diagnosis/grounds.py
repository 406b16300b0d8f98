"""What a hypothesis rests on in figures: its signals with their weights, and how far readings bear out its path."""

from collections.abc import Mapping
from itertools import pairwise

from bot.domain.diagnosis import tuning
from bot.domain.diagnosis.blame import Suspect
from bot.domain.diagnosis.confidence import signals_of
from bot.domain.diagnosis.symptoms import ServiceState
from bot.domain.evidence import Ground

_SLACK_S = 120.0  # Onsets are known to about a scrape and a rate window on either side.


def grounds_of(suspect: Suspect) -> tuple[Ground, ...]:
    """The signals that speak for a suspect, the ones that add most first."""
    found = [
        Ground(name, round(strength, 3), tuning.SIGNAL_TRUST.get(name, 0.0))
        for name, strength in signals_of(suspect).items()
    ]
    return tuple(sorted(found, key=lambda one: (-one.strength * one.weight, one.name)))


def path_score(path: tuple[str, ...], states: Mapping[str, ServiceState], alerting: frozenset[str]) -> float:
    """Share of the hops from cause to symptom that are borne out: the farther end suffers, and not before the nearer.

    A farther end that alerts without readings counts half; a path of one service has nothing to bear out and scores 1.
    """
    hops = list(pairwise(path))
    if not hops:
        return 1.0
    return round(
        sum(_hop(states.get(near), states.get(far), far in alerting) for near, far in hops) / len(hops), 3
    )


def _hop(near: ServiceState | None, far: ServiceState | None, alerting: bool) -> float:
    if far is None or far.symptom <= 0:
        return 0.5 if alerting else 0.0
    if near is None or near.onset_at is None or far.onset_at is None:
        return 0.5
    return 1.0 if far.onset_at >= near.onset_at - _SLACK_S else 0.25
