"""`make bench-diagnosis`: one table of all sets beside published and naive figures, then confidence and speed.

Every figure is of this run. Strata are small: read the intervals. Systems left out in turn show what carries over.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from bot.domain.diagnosis import calibration, tuning
from tests.bench.diagnose import calibrate, speed
from tests.bench.diagnose.__main__ import cases_of, known
from tests.bench.diagnose.lenses import LENSES
from tests.bench.diagnose.published import FIGURES
from tests.bench.diagnose.score import Judged, interval, judged

RANKS = (1, 3)


def main() -> int:
    """Print the table, and with --out FOLDER keep the rows too."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.diagnose.report", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, help="a folder for the rows of each set")
    parser.add_argument("--only", action="append", choices=known(), help="these sets")
    parser.add_argument("--quick", action="store_true", help="without the folds and the speed")
    parser.add_argument("--baro", default="", help="an interpreter with fse-baro, to be timed beside ours")
    given = parser.parse_args()
    print(f"engine {tuning.ENGINE}, calibration {calibration.VERSION}")
    found: list[Judged] = []
    for name in given.only or known():
        rows = [case.row() for case in cases_of(name, given.data)]
        if given.out:
            given.out.mkdir(parents=True, exist_ok=True)
            text = "".join(json.dumps(row) + "\n" for row in rows)
            (given.out / f"{name}.jsonl").write_text(text, encoding="utf-8")
        of_set = list(judged(name, rows, given.data))
        print("\n".join(_table(name, of_set)), flush=True)
        found += of_set
    print("\nconfidence as shipped, all sets:", json.dumps(_shipped(found)))
    if not given.quick:
        folds = calibrate.held_out(calibrate.gathered(given.data))
        print("\n".join(_folds(found, folds)), flush=True)
        print("speed:", json.dumps(speed.measure(given.baro)))
    return 0


def _table(name: str, found: Sequence[Judged]) -> Iterator[str]:
    figures = FIGURES.get(name)
    if figures is not None:
        yield f"\n{name}: {figures.measure}; must {figures.must}"
        yield f"  published  {figures.published}"
        yield f"  naive      {figures.naive}"
    yield f"  {'stratum':34} {'cases':>5} {'AC@1':>6} {'95 %':>13} {'AC@3':>6} {'Avg@5':>6} {'false':>6} {'median':>8}"
    strata = sorted({one.stratum for one in found})
    for stratum in ["all", *strata] if len(strata) > 1 else ["all"]:
        yield _line(stratum, [one for one in found if stratum in ("all", one.stratum)])


def _line(stratum: str, found: Sequence[Judged]) -> str:
    ill, well = [one for one in found if not one.quiet], [one for one in found if one.quiet]
    text = f"  {stratum:34} {len(ill):5}"
    if ill:
        hits = [float(one.right) for one in ill]
        low, high = interval(hits)
        places = [sum(0 < one.place <= rank for one in ill) / len(ill) for rank in range(1, 6)]
        text += (
            f" {places[0]:6.2f} [{low:5.2f},{high:5.2f}] {places[RANKS[1] - 1]:6.2f} {sum(places) / 5:6.3f}"
        )
    else:
        text += " " * 35
    wrong = f"{sum(one.answered for one in well)}/{len(well)}" if well else "-"
    slow = median(one.seconds for one in found) if found else 0.0
    return f"{text} {wrong:>6} {slow * 1000:6.1f}ms"


def _pairs(found: Sequence[Judged]) -> list[tuple[float, bool]]:
    """Claims and what came of them; a right silence claims nothing."""
    return [(one.confidence, one.right) for one in found if one.answered or not one.quiet]


def _shipped(found: Sequence[Judged]) -> dict[str, object]:
    return calibrate.summary(_pairs(found))


def _folds(found: Sequence[Judged], folds: Sequence[tuple[float, calibrate.Seen]]) -> Iterator[str]:
    """Systems left out in turn; what rules alone decide has no fitted constant and comes in as it is."""
    yield "\nconfidence, each system judged by constants of the others:"
    whole = next(iter(LENSES))
    rules = _pairs([one for one in found if one.set not in calibrate.SETS])
    recorded = [(sure, one.judged.right) for sure, one in folds if one.lens == whole]
    poorer = [(sure, one.judged.right) for sure, one in folds if one.lens != whole]
    yield f"  recordings of all sets   {json.dumps(calibrate.summary([*rules, *recorded]))}"
    yield f"  fitted sets, poorer view {json.dumps(calibrate.summary(poorer))}"
    yield f"  everything pooled        {json.dumps(calibrate.summary([*rules, *recorded, *poorer]))}"
    for system in sorted({one.judged.system for _, one in folds}):
        pairs = [(sure, one.judged.right) for sure, one in folds if one.judged.system == system]
        yield f"  {system:24} {json.dumps(calibrate.summary(pairs))}"


if __name__ == "__main__":
    sys.exit(main())
