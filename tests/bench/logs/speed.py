"""Lines a second, all new and repeating, beside drain3 in the same run where an environment has it; memory of a million.

drain3 is no part of the product: it runs in the environment of the rivals (`make rivals`), in a process of its own.
"""

import json
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

from bot.domain.logs.miner import Miner
from tests.bench.logs.parsing import labelled_files, read_rows

REPEATING = 300_000
MILLION = 1_000_000
ALL_NEW = 32_000
_ROUNDS = 5
_NUMBERS = re.compile(r"\d{3,}")
_LABELS = ("LineId", "EventId", "EventTemplate")
_OURS = """
import json, sys, time
from bot.domain.logs.miner import Miner
lines = sys.stdin.read().split("\\n")
times = []
for _ in range(3):
    miner = Miner()
    begun = time.process_time()
    miner.learn_all(lines)
    times.append(time.process_time() - begun)
print(json.dumps(len(lines) / sorted(times)[1]))
"""
_RIVAL = """
import json, logging, sys, time
from drain3 import TemplateMiner
from drain3.template_miner_config import TemplateMinerConfig
logging.disable(logging.CRITICAL)
lines = sys.stdin.read().split("\\n")
config = TemplateMinerConfig()
config.profiling_enabled = False
miner = TemplateMiner(config=config)
begun = time.process_time()
for line in lines:
    miner.add_log_message(line)
print(json.dumps(len(lines) / (time.process_time() - begun)))
"""


def speed(data: Path, _out: Path | None) -> dict[str, Any]:
    """Figures by CPU time of one core: medians of pairs of runs, ours and the rival's one after the other."""
    files = labelled_files(data / "logs" / "parsing")
    sample = [_as_written(row) for path in files for row in read_rows(path)]
    million = _million(sample)
    pairs = {
        "all_new": _pairs(list(tiled(sample, min(ALL_NEW, len(sample)))), _ROUNDS),
        "repeating": _pairs(list(tiled(sample, REPEATING)), 1),
    }
    return {
        "bench": "logs speed",
        "lines_a_second": {name: round(median(ours for ours, _ in runs)) for name, runs in pairs.items()},
        "drain3": {name: round(median(theirs for _, theirs in runs)) for name, runs in pairs.items()},
        "ratio": {
            name: _ratio(runs) or "drain3 cannot be run here: make rivals" for name, runs in pairs.items()
        },
        "million": million,
    }


def _as_written(row: dict[str, str]) -> str:
    """The whole line: every column that the system itself wrote, in its order, so that the header is there as well."""
    return " ".join(value for name, value in row.items() if name not in _LABELS and value).replace("\n", " ")


def tiled(lines: list[str], wanted: int) -> Iterator[str]:
    """The sample over and over, with the long numbers changed each time."""
    for number in range(wanted):
        turn, line = divmod(number, len(lines))
        yield _NUMBERS.sub(_changed(turn), lines[line]) if turn else lines[line]


def _changed(turn: int) -> Callable[[re.Match[str]], str]:
    return lambda found: str((int(found[0]) + turn * 7919) % 10 ** len(found[0])).zfill(len(found[0]))


def _pairs(lines: list[str], rounds: int) -> list[tuple[float, float]]:
    """Lines a second of ours (median of three) and of the rival's, each round in two processes of their own."""
    rival = Path(sys.prefix) / "rivals" / "bin" / "python"
    return [(_run(Path(sys.executable), _OURS, lines), _run(rival, _RIVAL, lines)) for _ in range(rounds)]


def _ratio(runs: list[tuple[float, float]]) -> float | None:
    ratios = [ours / theirs for ours, theirs in runs if theirs]
    return round(median(ratios), 1) if ratios else None


def _run(python: Path, script: str, lines: list[str]) -> float:
    """0 where it is not installed."""
    if not python.is_file():
        return 0.0
    ran = subprocess.run(
        [str(python), "-c", script],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    return float(json.loads(ran.stdout)) if ran.returncode == 0 else 0.0


def _million(sample: list[str]) -> dict[str, Any]:
    """A million lines that come in one by one, ranked by how rare their template is against a baseline."""
    miner = Miner()
    known = set(map(miner.resolve, miner.learn_all(sample[::2])))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    counts: dict[int, int] = {}
    begun, chunk, spent = time.process_time(), [], 0.0
    for line in tiled(sample, MILLION):
        chunk.append(line)
        if len(chunk) == 10_000:
            spent += _counted(miner, chunk, counts)
            chunk.clear()
    ranked = sorted(counts, key=lambda template: (miner.resolve(template) in known, counts[template]))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {
        "seconds": round(spent, 2),
        "seconds_with_making_the_lines": round(time.process_time() - begun, 1),
        "templates": len(ranked),
        "most_novel": miner.text(ranked[0]),
        "peak_mb_grown": round(grown / 1024, 1),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def _counted(miner: Miner, lines: list[str], counts: dict[int, int]) -> float:
    begun = time.process_time()
    for template in miner.learn_all(lines):
        counts[template] = counts.get(template, 0) + 1
    return time.process_time() - begun
