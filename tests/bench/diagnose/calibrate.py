"""`python -m tests.bench.diagnose.calibrate --data DIR`: fits the constants of the calibration and shows what carries over.

Every case of the sets that topology, metrics, calls and logs decide is run through every lens; each system is left
out in turn, and its confidences come from the others only. Nothing is written: the constants are copied by hand.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bot.domain.diagnosis import calibration, tuning
from bot.domain.diagnosis.confidence import Features, features
from bot.domain.diagnosis.engine import consider
from bot.domain.telemetry import Telemetry
from tests.bench.diagnose.__main__ import cases_of
from tests.bench.diagnose.case import Case, through
from tests.bench.diagnose.lenses import LENSES
from tests.bench.diagnose.score import Judged, calibration_error, error_interval, interval, judged

SETS = ("petshop", "sockshop1", "nezha")
PRIOR, PRIOR_RIGHT = 30.0, 0.1  # Imagined cases without any evidence, and how many of them would be right.
RIDGE = 0.1
STEPS = 400
Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Seen:
    """A case through a lens: how it was judged, and what the calibration reads of its first suspect."""

    lens: str
    judged: Judged
    features: Features


def gathered(data: Path) -> list[Seen]:
    """Every case through every lens; where nothing was suspected there is nothing to be sure of."""
    found = []
    for name in SETS:
        listed = list(cases_of(name, data))
        for lens in LENSES:
            found += [one for case in listed for one in _seen(name, case, lens, data)]
    return found


def _seen(name: str, case: Case, lens: str, data: Path) -> list[Seen]:
    read: list[Telemetry] = []

    def remember(telemetry: Telemetry) -> Telemetry:
        read.append(telemetry)
        return telemetry

    with through(LENSES[lens]), through(remember):
        row = case.row()
    _, suspects, coverage = consider(read[0])
    if not suspects:
        return []
    first = next(iter(features(suspects, coverage, public_alerts=False)))
    return [Seen(lens, one, first) for one in judged(name, [row], data)]


def fitted(seen: Sequence[Seen]) -> Matrix:
    """Base, weight and margin, each system counting alike; weight and margin never fall below zero."""
    design, right = _design(seen), np.array([float(one.judged.right) for one in seen])
    most = np.append(tuning.CEILING * np.array([one.features.share for one in seen]), (tuning.CEILING,) * 2)
    systems = [one.judged.system for one in seen]
    share = len(seen) / len(set(systems))
    counts = np.array([share / systems.count(system) for system in systems])
    none = np.array([[1.0, 0.0, 0.0]] * 2)
    design, right = np.vstack((design, none)), np.append(right, (1.0, 0.0))
    counts = np.append(counts, (PRIOR * PRIOR_RIGHT, PRIOR * (1 - PRIOR_RIGHT)))
    found = np.zeros(3)
    ridge = np.diag((0.0, RIDGE, RIDGE))
    for _ in range(STEPS):
        odds = 1.0 / (1.0 + np.exp(-design @ found))
        chance = np.clip(most * odds, 1e-9, 1 - 1e-9)
        slope = most * odds * (1 - odds)
        pull = design.T @ (counts * (right - chance) / (chance * (1 - chance)) * slope) - ridge @ found
        bend = (design * (counts * slope**2 / (chance * (1 - chance)))[:, None]).T @ design
        found = found + 0.3 * np.linalg.solve(bend + ridge + 1e-6 * np.eye(3), pull)
        found[1:] = np.maximum(found[1:], 0.0)
    return found


def _design(seen: Sequence[Seen]) -> Matrix:
    read = [one.features for one in seen]
    return np.array([(1.0, one.weight, one.margin * min(1.0, one.weight)) for one in read])


def held_out(seen: Sequence[Seen]) -> list[tuple[float, Seen]]:
    """Each case with the confidence that the other systems' constants give it."""
    found = []
    for system in sorted({one.judged.system for one in seen}):
        inside = [one for one in seen if one.judged.system == system]
        constants = fitted([one for one in seen if one.judged.system != system])
        chances = tuning.CEILING / (1.0 + np.exp(-_design(inside) @ constants))
        found += [
            (float(chance) * one.features.share, one) for chance, one in zip(chances, inside, strict=True)
        ]
    return found


def summary(pairs: Sequence[tuple[float, bool]]) -> dict[str, object]:
    """Calibration error with its interval, and what is right above the line."""
    above = [float(right) for confidence, right in pairs if confidence >= tuning.CAUSE_FOUND_AT]
    return {
        "cases": len(pairs),
        "right": round(sum(right for _, right in pairs) / max(1, len(pairs)), 3),
        "ece": round(calibration_error(pairs), 3),
        "ece_ci95": [round(end, 3) for end in error_interval(pairs)],
        "above_line": len(above),
        "above_line_right": round(sum(above) / max(1, len(above)), 3),
        "above_line_ci95": [round(end, 3) for end in interval(above)] if above else [],
    }


def main() -> int:
    """Print the constants that this data gives, those in use, and the folds."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.diagnose.calibrate", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    seen = gathered(parser.parse_args().data)
    base, weight, margin = (round(float(one), 2) for one in fitted(seen))
    used = {"base": calibration.BASE, "weight": calibration.WEIGHT, "margin": calibration.MARGIN}
    print(json.dumps({"fitted": {"base": base, "weight": weight, "margin": margin}, "in_use": used}))
    folds = held_out(seen)
    for system in sorted({one.judged.system for _, one in folds}):
        pairs = [(sure, one.judged.right) for sure, one in folds if one.judged.system == system]
        print(json.dumps({"held_out": system, **summary(pairs)}))
    for lens in LENSES:
        print(
            json.dumps(
                {
                    "lens": lens,
                    **summary([(sure, one.judged.right) for sure, one in folds if one.lens == lens]),
                }
            )
        )
    print(
        json.dumps({"held_out": "all, pooled", **summary([(sure, one.judged.right) for sure, one in folds])})
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
