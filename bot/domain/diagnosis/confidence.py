"""How sure the engine is: agreement of independent signals, margin to the runner-up, coverage, trust.

Monotone in each of them. Signals that anybody could have written (public text) may support but never carry an
answer over the line.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import exp, log

from bot.domain.diagnosis import tuning
from bot.domain.diagnosis.blame import Suspect
from bot.domain.diagnosis.calibration import LEARNT, probability


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
    return _falling([solid for _everything, _carried, solid in figures])


def _falling(values: Sequence[float]) -> tuple[float, ...]:
    found: list[float] = []
    for value in values:
        found.append(round(min([value, *found]), 3))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Features:
    """What the calibration reads of one suspect: all its signals, the trusted ones, and its margins.

    `solid_margin` is the margin without what public text added to the score; `share` takes off for what could not be
    read, and for the score of the first suspect where this is another.
    """

    signals: Mapping[str, float]
    trusted: Mapping[str, float]
    margin: float
    solid_margin: float
    share: float

    @property
    def weight(self) -> float:
        """Weight of all signals."""
        return _weight(self.signals)


def features(suspects: Sequence[Suspect], coverage: float, *, public_alerts: bool) -> Iterator[Features]:
    """Features of each suspect, in their order."""
    public = {"log", "alert"} if public_alerts else {"log"}
    covered = _covered(coverage)
    for place, suspect in enumerate(suspects):
        rival = suspects[1 if place == 0 else 0].score if len(suspects) > 1 else 0.0
        signals = signals_of(suspect)
        lift = 1.0 + (tuning.NOVELTY_LIFT * suspect.novelty.strength if suspect.novelty else 0.0)
        lift *= suspect.hearsay
        yield Features(
            signals,
            {name: strength for name, strength in signals.items() if name not in public},
            _margin(suspect.score, rival),
            _margin(suspect.score / lift, rival),
            covered * (min(1.0, suspect.score / rival) if rival > 0 else float(suspect.score > 0)),
        )


def _figures(
    suspects: Sequence[Suspect], coverage: float, *, public_alerts: bool
) -> Iterator[tuple[float, float, float]]:
    """For each suspect how sure all signals make, how sure the trusted ones, and these without the score's public part."""
    for one in features(suspects, coverage, public_alerts=public_alerts):
        yield (
            _chance(one.signals, one.margin) * one.share,
            _chance(one.trusted, one.margin) * one.share,
            _chance(one.trusted, one.solid_margin) * one.share,
        )


def _confidence(everything: float, carried: float) -> float:
    if carried < tuning.CAUSE_FOUND_AT <= everything:
        return tuning.CAUSE_FOUND_AT - 0.01
    return everything


def _chance(signals: Mapping[str, float], margin: float) -> float:
    """Calibrated where recordings taught it; other kinds of signals lift it no further than they were judged to be worth."""
    learnt = {name: strength for name, strength in signals.items() if name in LEARNT}
    sure = probability(_weight(learnt), margin)
    if len(learnt) == len(signals):
        return sure
    weight = _weight(signals)
    return max(sure, min(probability(weight, margin), 1.0 - exp(-weight)))


def _weight(signals: Mapping[str, float]) -> float:
    """Evidence that adds up: what a chance of being misled by every independent signal at once is worth."""
    return sum(-log(1.0 - tuning.SIGNAL_TRUST[name] * strength) for name, strength in signals.items())


def _margin(score: float, rival: float) -> float:
    return max(0.0, 1.0 - rival / score) if score > 0 else 0.0


def _covered(coverage: float) -> float:
    return tuning.BLIND + (1.0 - tuning.BLIND) * min(1.0, coverage / tuning.COVERAGE_FULL)
