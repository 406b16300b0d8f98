"""Unusual sessions: learned from normal ones, the line included; scored per set, and at a rarer base rate."""

import json
from pathlib import Path
from typing import Any

from bot.domain.logs.sessions import learn_sessions, verdicts

_TESTED = ("test_normal", "test_abnormal")
# Sets whose normal test part is a sample: the share of abnormal sessions in the whole system.
_BASE_RATES = {"hdfs_xu": 0.0293}


def anomaly(data: Path, out: Path | None) -> dict[str, Any]:
    """F1 and its parts per set; verdicts are written to `out`, a JSONL per set, where given."""
    sets = {}
    for path in sorted((data / "logs" / "anomaly").rglob("train.txt")):
        folder = path.parent
        model = learn_sessions(read_sessions(path))
        judged = {name: verdicts(model, read_sessions(folder / f"{name}.txt")) for name in _TESTED}
        rows = [{"file": name, "anomalous": verdict} for name in _TESTED for verdict in judged[name]]
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
            text = "".join(json.dumps(row) + "\n" for row in rows)
            (out / f"{folder.name}.jsonl").write_text(text, encoding="utf-8")
        normal, abnormal = (judged[name] for name in _TESTED)
        sets[folder.name] = scored(normal, abnormal)
        if folder.name in _BASE_RATES:
            rare = scored(normal, abnormal, _BASE_RATES[folder.name])
            sets[folder.name]["F1_at_base_rate"] = rare["F1"]
    return {"bench": "logs anomaly", "sets": sets}


def read_sessions(path: Path) -> list[list[str]]:
    """The sessions of a file as lists of event ids; none where there is no file."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8") as lines:
        return [line.rstrip("\n").split(",", 1)[-1].split() for line in lines if line.strip()]


def scored(normal: list[bool], abnormal: list[bool], base_rate: float | None = None) -> dict[str, float]:
    """Precision, recall, false alarm rate and F1 of verdicts, at the share of abnormal ones given or as tested."""
    false_rate, recall = sum(normal) / max(1, len(normal)), sum(abnormal) / max(1, len(abnormal))
    share = len(abnormal) / max(1, len(normal) + len(abnormal)) if base_rate is None else base_rate
    hit, false = recall * share, false_rate * (1 - share)
    precision = hit / (hit + false) if hit + false else 0.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return {
        "precision": round(precision, 4),
        "recall": round(recall, 4),
        "fpr": round(false_rate, 4),
        "F1": round(f1, 4),
    }
