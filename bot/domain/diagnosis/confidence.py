"""How sure the engine is: agreement of independent signals, margin to the runner-up, coverage, trust.

Monotone in each of them. Signals that anybody could have written (public text) may support but never carry an
answer over the line.
"""

from collections.abc import Iterator, Mapping, Sequence
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
        "process": suspect.intrusion.process if suspect.intrusion else 0.0,
        "connection": suspect.intrusion.connection if suspect.intrusion else 0.0,
    }
    for clue in suspect.clues:
        signals[clue.kind.value] = max(signals.get(clue.kind.value, 0.0), clue.strength)
    if suspect.demand is not None:
        signals["demand"] = min(1.0, suspect.demand.growth)
        signals["change"] = 1.0 if suspect.demand.planned is not None else 0.0
    return {name: strength for name, strength in signals.items() if strength > 0}


def confidences(suspects: Sequence[Suspect], *, coverage: float, public_alerts: bool) -> tuple[float, ...]:
    """Confidence of each suspect, in their order, never rising from one to the next."""
    figures = _figures(suspects, coverage, public_alerts=public_alerts)
    return _falling([_confidence(everything, carried) for everything, carried, _solid in figures])


def solid_confidences(
    suspects: Sequence[Suspect], *, coverage: float, public_alerts: bool
) -> tuple[float, ...]:
    """The same from the signals alone that no outsider can write: what may act without being asked."""
    figures = _figures(suspects, coverage, public_alerts=public_alerts)
    return _falling([min(tuning.CEILING, solid) for _everything, _carried, solid in figures])


def _falling(values: Sequence[float]) -> tuple[float, ...]:
    found: list[float] = []
    for value in values:
        found.append(round(min([value, *found]), 3))
    return tuple(found)


def _figures(
    suspects: Sequence[Suspect], coverage: float, *, public_alerts: bool
) -> Iterator[tuple[float, float, float]]:
    """For each suspect how sure all signals make, how sure the trusted ones, and these without the score's public part."""
    public = {"log", "alert"} if public_alerts else {"log"}
    covered = _covered(coverage)
    for place, suspect in enumerate(suspects):
        rival = suspects[1 if place == 0 else 0].score if len(suspects) > 1 else 0.0
        signals = signals_of(suspect)
        trusted = _agreement({name: strength for name, strength in signals.items() if name not in public})
        lift = 1.0 + (tuning.NOVELTY_LIFT * suspect.novelty.strength if suspect.novelty else 0.0)
        lift *= suspect.hearsay
        discount = _margin(suspect.score, rival) * covered
        yield (
            _agreement(signals) * discount,
            trusted * discount,
            trusted * _margin(suspect.score / lift, rival) * covered,
        )


def _confidence(everything: float, carried: float) -> float:
    if carried < tuning.CAUSE_FOUND_AT <= everything:
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
