"""How often an answer with this much evidence proved right: a logistic map of three constants, fitted and never guessed.

Made by `python -m tests.bench.diagnose.calibrate --data DIR` on recorded incidents and poorer views of them, with
systems left out in turn. It rises with the weight of the evidence and with the margin; nothing else enters.
"""

from math import exp

from bot.domain.diagnosis import tuning
from bot.domain.diagnosis.clues import ClueKind

VERSION = "logistic/2"
BASE = -1.07
WEIGHT = 2.08
MARGIN = 3.4
# Kinds of signals that the recordings have; what they lack is never more certain than somebody judged it to be.
LEARNT = frozenset({"metric", "topology", "alert", "log", *(kind.value for kind in ClueKind)})


def probability(weight: float, margin: float) -> float:
    """Chance 0..CEILING that the answer is right.

    `weight` is the sum of -ln(1 - trust x strength) over independent signals;
    `margin` is the share of its score by which it leads the runner-up, which counts as far as there is evidence.
    """
    return tuning.CEILING / (1.0 + exp(-(BASE + WEIGHT * weight + MARGIN * margin * min(1.0, weight))))
