"""How sure the engine is: agreement of independent signals, margin to the runner-up, coverage, trust.

Monotone in each of them. Signals that anybody could have written (public text) may support but never carry an
answer over the line.
"""

from collections.abc import Mapping, Sequence
from math import prod

from bot.domain.diagnosis import tuning
from bot.domain.diagnosis.blame import Suspect


def signals_of(suspect: Suspect) -> dict[str, float]:
    """Strength 0..1 of each independent signal that points at the suspect."""
    signals = {
        "metric": min(1.0, suspect.own / tuning.METRIC_FULL) if suspect.measured else 0.0,
        "topology": suspect.reach if suspect.dependants else 0.0,
        "alert": 1.0 if suspect.alerts > 0 else 0.0,
        "change": suspect.change.proximity if suspect.change else 0.0,
        "log": suspect.novelty.strength if suspect.novelty else 0.0,
        "demand": suspect.driven.share if suspect.driven else 0.0,
    }
    if suspect.demand is not None:
        signals["demand"] = min(1.0, suspect.demand.growth)
        signals["change"] = 1.0 if suspect.demand.planned is not None else 0.0
    return {name: strength for name, strength in signals.items() if strength > 0}


def confidences(suspects: Sequence[Suspect], *, coverage: float, public_alerts: bool) -> tuple[float, ...]:
    """Confidence of each suspect, in their order, never rising from one to the next."""
    found: list[float] = []
    for place, suspect in enumerate(suspects):
        rival = suspects[1 if place == 0 else 0].score if len(suspects) > 1 else 0.0
        value = _one(suspect, rival, coverage, public_alerts=public_alerts)
        found.append(round(min([value, *found]), 3))
    return tuple(found)


def _one(suspect: Suspect, rival: float, coverage: float, *, public_alerts: bool) -> float:
    signals = signals_of(suspect)
    discount = _margin(suspect.score, rival) * _covered(coverage)
    public = {"log", "alert"} if public_alerts else {"log"}
    trusted = {name: strength for name, strength in signals.items() if name not in public}
    everything, solid = _agreement(signals) * discount, _agreement(trusted) * discount
    if solid < tuning.CAUSE_FOUND_AT <= everything:
        return tuning.CAUSE_FOUND_AT - 0.01
    return min(tuning.CEILING, everything)


def _agreement(signals: Mapping[str, float]) -> float:
    return 1.0 - prod(1.0 - tuning.SIGNAL_TRUST[name] * strength for name, strength in signals.items())


def _margin(score: float, rival: float) -> float:
    if score <= 0:
        return 0.0
    if rival > score:
        return tuning.MARGIN_NONE * score / rival
    return tuning.MARGIN_NONE + (1.0 - tuning.MARGIN_NONE) * min(
        1.0, (1.0 - rival / score) / tuning.MARGIN_FULL
    )


def _covered(coverage: float) -> float:
    return 0.5 + 0.5 * min(1.0, coverage / tuning.COVERAGE_FULL)
