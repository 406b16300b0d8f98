"""Unusual sessions under hardship: little normal data, changed names and order, other and rarer anomalies.

Nothing is learned from the labels; each hardship is drawn with a few seeds and the worst draw is shown as well.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bot.domain.logs.sessions import learn_sessions, verdicts
from tests.bench.logs.anomaly import read_sessions, scored

SETS = ("openstack", "hdfs_xu")
SEEDS = 5
FEW = 100  # Anomalies of another sampling.
RARE = 0.01  # Share of abnormal sessions at a lower base rate.

Sessions = list[list[str]]


@dataclass(frozen=True)
class _Parts:
    train: Sessions
    normal: Sessions
    abnormal: Sessions

    @property
    def all(self) -> tuple[Sessions, ...]:
        return self.train, self.normal, self.abnormal


def robust(data: Path, _out: Path | None) -> dict[str, Any]:
    """Median and worst F1 of each hardship."""
    sets = {}
    for name in SETS:
        folder = data / "logs" / "anomaly" / name
        names = ("train", "test_normal", "test_abnormal")
        parts = _Parts(*(read_sessions(folder / f"{part}.txt") for part in names))
        if not parts.train:
            continue
        runs: dict[str, list[float]] = {}
        for hardship, harder in _hardships(parts):
            runs.setdefault(hardship, []).append(_f1(harder))
        found = {kind: {"median": round(median(f1), 4), "worst": min(f1)} for kind, f1 in runs.items()}
        found["anomalies_at_1_percent"] = {"F1": _f1(parts, RARE)}
        sets[name] = found
    return {"bench": "logs robust", "seeds": SEEDS, "sets": sets}


def _hardships(parts: _Parts) -> Iterator[tuple[str, _Parts]]:
    yield "as_given", parts
    for seed in range(SEEDS):
        draw = random.Random(seed)
        for percent in (50, 10):
            train = draw.sample(parts.train, max(2, len(parts.train) * percent // 100))
            yield f"{percent}_percent_of_the_normal", _Parts(train, parts.normal, parts.abnormal)
        yield "order_shuffled", _Parts(*(_shuffled(part, draw) for part in parts.all))
        yield "events_renamed", _renamed(parts, draw)
        few = draw.sample(parts.abnormal, min(FEW, len(parts.abnormal)))
        yield f"{FEW}_other_anomalies", _Parts(parts.train, parts.normal, few)


def _shuffled(sessions: Sessions, draw: random.Random) -> Sessions:
    return draw.sample([draw.sample(one, len(one)) for one in sessions], len(sessions))


def _renamed(parts: _Parts, draw: random.Random) -> _Parts:
    events = sorted({event for part in parts.all for one in part for event in one})
    numbers = draw.sample(range(10**6), len(events))
    names = {event: f"event-{number}" for event, number in zip(events, numbers, strict=True)}
    return _Parts(*([[names[event] for event in one] for one in part] for part in parts.all))


def _f1(parts: _Parts, base_rate: float | None = None) -> float:
    model = learn_sessions(parts.train)
    return scored(verdicts(model, parts.normal), verdicts(model, parts.abnormal), base_rate)["F1"]
