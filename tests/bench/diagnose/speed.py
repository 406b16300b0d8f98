"""T16: ranking 4,000 series of 1,200 points, in one process without any other load, beside a published scorer.

`python -m tests.bench.diagnose.speed [--baro PYTHON]`: PYTHON is an interpreter that has the package fse-baro; without
it the figure measured for it elsewhere stands in. CPU seconds, so that busy neighbours count little.
"""

import argparse
import json
import subprocess
import sys
import time
from array import array
from collections.abc import Callable, Sequence
from statistics import median

import numpy as np

from bot.domain.alert import Alert, AlertSeverity, AlertStatus
from bot.domain.diagnosis.engine import diagnose
from bot.domain.numeric.shift import shifts
from bot.domain.telemetry import MetricSeries, Signal, Telemetry

SERIES, POINTS, SINCE = 4000, 1200, 900
SIGNALS = (Signal.CPU_CORES, Signal.MEMORY_BYTES, Signal.LATENCY, Signal.REQUEST_RATE)
RUNS = 5
BARO_S = 3.296  # Of reference/performance.md, on another machine.
BARO = f"""
import time
import numpy, pandas
from baro.root_cause_analysis import robust_scorer
values = numpy.abs(numpy.random.default_rng(1).normal(10, 1, ({SERIES}, {POINTS})))
values[8, {SINCE}:] *= 5
frame = pandas.DataFrame({{f"s{{n:04}}_cpu": row for n, row in enumerate(values)}})
frame.insert(0, "time", numpy.arange({POINTS}))
best = []
for _ in range(3):
    begun = time.process_time()
    assert robust_scorer(frame, inject_time={SINCE}, dataset="x")["ranks"][0] == "s0008_cpu"
    best.append(time.process_time() - begun)
print(sorted(best)[1])
"""


def measure(baro: str = "") -> dict[str, object]:
    """Median CPU seconds of the numbers alone, of the engine, and of the other, with their ratios."""
    values = np.abs(np.random.default_rng(1).normal(10, 1, (SERIES, POINTS)))
    values[8, SINCE:] *= 5
    times = tuple(float(at) for at in range(POINTS))
    floor = [1e-9] * SERIES
    numbers = _median(
        lambda: shifts(times, values, before=SINCE - 75.0, since=SINCE, floor=floor, share=0.25)
    )
    whole = _telemetry(times, [array("d", row) for row in values.tolist()])
    assert diagnose(whole).hypotheses[0].service == "service-0002"
    engine = _median(lambda: diagnose(whole))
    other = _baro(baro) if baro else BARO_S
    return {
        "series": SERIES,
        "points": POINTS,
        "numbers_s": round(numbers, 4),
        "engine_s": round(engine, 4),
        "baro_s": round(other, 3),
        "baro": "measured here" if baro else "measured elsewhere",
        "numbers_ratio": round(numbers / other, 4),
        "engine_ratio": round(engine / other, 4),
    }


def _telemetry(times: tuple[float, ...], rows: Sequence[Sequence[float]]) -> Telemetry:
    series = tuple(
        MetricSeries(f"service-{number // 4:04}", SIGNALS[number % 4], times, row)
        for number, row in enumerate(rows)
    )
    declared = Alert(
        "declared", "bench", "declared", AlertStatus.FIRING, AlertSeverity.WARNING, "", "", SINCE, SINCE
    )
    return Telemetry(opened_at=SINCE, now=POINTS - 1.0, alerts=(declared,), series=series)


def _median(work: Callable[[], object]) -> float:
    seconds = []
    for _ in range(RUNS):
        begun = time.process_time()
        work()
        seconds.append(time.process_time() - begun)
    return median(seconds)


def _baro(python: str) -> float:
    done = subprocess.run(
        [python, "-W", "ignore", "-c", BARO], capture_output=True, text=True, check=True, timeout=300
    )
    return float(done.stdout.split()[-1])


def main() -> int:
    """One JSON line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.diagnose.speed", description=__doc__)
    parser.add_argument("--baro", default="", help="an interpreter with fse-baro")
    print(json.dumps(measure(parser.parse_args().baro)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
