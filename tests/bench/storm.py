"""`python -m tests.bench.storm --data DIR`: real alert streams with labelled attacks, grouped by the product, as JSON.

One JSON line: for every stream below DIR/alerts the groups, the share of noise among them, the attack phases and attack
alerts kept. The decisions are those of `bot.domain.everyday`; labels are read for scoring only. With --groups FOLDER the
group of each alert is written in file order, "-" where it only counts, for a scorer of your own.
"""

import argparse
import csv
import gzip
import json
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from bot.domain.everyday import Onsets

NOISE = "false_positive"
_COLUMNS = {"time", "name", "host"}


def streams(data: Path) -> list[Path]:
    """Every table at or below `data` that has a time, a name and a host for each alert."""
    found = sorted([*data.rglob("*.csv"), *data.rglob("*.csv.gz")]) if data.is_dir() else [data]
    return [path for path in found if set(_header(path)) >= _COLUMNS]


def _header(path: Path) -> Sequence[str]:
    with _opened(path) as lines:
        return next(csv.reader(lines), [])


def _opened(path: Path):
    return gzip.open(path, "rt") if path.suffix == ".gz" else path.open()


def grouped(rows: Sequence[Mapping[str, str]]) -> list[str]:
    """The group of each row, in the order of the rows; "-" where an alert is only counted."""
    onsets = Onsets()
    order = sorted(range(len(rows)), key=lambda at: (float(rows[at]["time"]), at))
    groups = [0] * len(rows)
    for at in order:
        row = rows[at]
        placed = onsets.place(f"{row['name']}\0{row['host']}", row["host"], float(row["time"]))
        groups[at] = placed.group
    return [str(group) if group in onsets.shown else "-" for group in groups]


def score(labels: Sequence[str], groups: Sequence[str]) -> dict[str, object]:
    """A phase is kept when a group is mostly made of it; a group is noise when most of it is."""
    members: dict[str, Counter[str]] = {}
    for label, group in zip(labels, groups, strict=True):
        if group != "-":
            members.setdefault(group, Counter())[label] += 1
    most = [count.most_common(1)[0][0] for count in members.values()]
    phases = sorted({label for label in labels if label != NOISE})
    attack = sum(label != NOISE for label in labels)
    kept = sum(label != NOISE and group != "-" for label, group in zip(labels, groups, strict=True))
    return {
        "alerts": len(labels),
        "groups": len(members),
        "phases_kept": sum(phase in most for phase in phases),
        "phases": len(phases),
        "missed": [phase for phase in phases if phase not in most],
        "noise_share": round(sum(label == NOISE for label in most) / max(1, len(most)), 3),
        "attack_kept": round(kept / max(1, attack), 4),
        "only_counted": round(sum(group == "-" for group in groups) / max(1, len(groups)), 3),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--groups", type=Path, help="write the group of each alert here, one file a stream")
    given = parser.parse_args()
    root = given.data / "alerts" if (given.data / "alerts").is_dir() else given.data
    scores: dict[str, object] = {}
    for path in streams(root):
        with _opened(path) as lines:
            rows = list(csv.DictReader(lines))
        begun = time.perf_counter()
        groups = grouped(rows)
        seconds = time.perf_counter() - begun
        name = path.name.removesuffix(".gz").removesuffix(".csv")
        if given.groups:
            given.groups.mkdir(parents=True, exist_ok=True)
            (given.groups / f"{name}.txt").write_text("\n".join(groups) + "\n")
        labelled = all("time_label" in row for row in rows[:1])
        found = score([row["time_label"] for row in rows], groups) if labelled else {"alerts": len(rows)}
        scores[name] = {**found, "alerts_per_s": round(len(rows) / max(1e-9, seconds))}
    print(json.dumps(scores))
    return 0 if scores else 1


if __name__ == "__main__":
    sys.exit(main())
