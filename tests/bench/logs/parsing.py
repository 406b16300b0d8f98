"""Template accuracy (GA, PA, FGA, FTA as LogHub 2.0 defines them), one setting for all systems."""

import csv
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

from bot.domain.logs.miner import Miner

_MEASURES = ("GA", "PA", "FGA", "FTA")


def parse(data: Path, out: Path | None) -> dict[str, Any]:
    """Scores of each system and their mean; predictions are written to `out`, a CSV per system, where given."""
    systems: dict[str, dict[str, Any]] = {}
    for path in labelled_files(data / "logs" / "parsing"):
        rows = read_rows(path)
        miner = Miner()
        ids = miner.learn_all(row["Content"] for row in rows)
        predicted = [miner.text(template) for template in ids]
        if out is not None:
            _write(out / f"{path.stem}.csv", rows, predicted)
        if rows and "EventTemplate" in rows[0]:
            systems[path.parent.name] = scored([row["EventTemplate"] for row in rows], predicted)
    means = {
        name: round(sum(one[name] for one in systems.values()) / len(systems), 3)
        for name in _MEASURES
        if systems
    }
    return {"bench": "logs parse", "systems": len(systems), **means, "each": systems}


def labelled_files(folder: Path) -> list[Path]:
    """One file a system: the corrected labels where there are both."""
    found = {path.parent: path for path in sorted(folder.rglob("*_structured.csv"))}
    found |= {path.parent: path for path in sorted(folder.rglob("*_structured_corrected.csv"))}
    return [found[parent] for parent in sorted(found)]


def read_rows(path: Path) -> list[dict[str, str]]:
    """The lines of a labelled file."""
    with path.open(encoding="utf-8", errors="replace", newline="") as lines:
        return list(csv.DictReader(lines))


def _write(path: Path, rows: list[dict[str, str]], predicted: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(("Content", "EventTemplate"))
        writer.writerows((row["Content"], template) for row, template in zip(rows, predicted, strict=True))


def _plain(template: str) -> str:
    return re.sub(r"(<\*>\s*)+", "<*>", re.sub(r"\s+", " ", template)).strip()


def scored(truth: list[str], predicted: list[str]) -> dict[str, Any]:
    """GA, PA, FGA and FTA of one system's lines."""
    true_groups, groups = _grouped(truth), _grouped(predicted)
    templates = {lines: name for name, lines in true_groups.items()}
    right = [(name, templates[lines]) for name, lines in groups.items() if lines in templates]
    worded = sum(_plain(name) == _plain(wanted) for name, wanted in right)
    same = sum(_plain(one) == _plain(other) for one, other in zip(truth, predicted, strict=True))
    share = 2 / (len(true_groups) + len(groups))
    return {
        "templates": len(true_groups),
        "found": len(groups),
        "GA": round(sum(len(groups[name]) for name, _ in right) / len(truth), 4),
        "PA": round(same / len(truth), 4),
        "FGA": round(len(right) * share, 4),
        "FTA": round(worded * share, 4),
    }


def _grouped(templates: list[str]) -> dict[str, frozenset[int]]:
    groups: dict[str, set[int]] = defaultdict(set)
    for number, template in enumerate(templates):
        groups[template].add(number)
    return {template: frozenset(lines) for template, lines in groups.items()}
