"""What each mask and each constant does for each system, and whether what eight systems would choose suits the ninth.

A mask that helps one system only is either a form that everybody writes (an address, a date) or has no place.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bot.domain.logs import masks, miner
from tests.bench.logs.parsing import labelled_files, read_rows, scored

CHOICES = {"VARIED": (3, 4, 5, 6, 7, 8), "ALIKE": (0.3, 0.4, 0.5, 0.6, 0.7)}

Labelled = dict[str, tuple[list[str], list[str]]]
Scores = dict[str, float]


def carry(data: Path, _out: Path | None) -> dict[str, Any]:
    """FTA lost without each mask, by system; and FTA of each system with the constants that the others choose."""
    lines: Labelled = {}
    for path in labelled_files(data / "logs" / "parsing"):
        rows = read_rows(path)
        if rows and "EventTemplate" in rows[0]:
            lines[path.parent.name] = [row["Content"] for row in rows], [row["EventTemplate"] for row in rows]
    if not lines:
        return {"bench": "logs carry", "systems": 0}
    whole = _scores(lines)
    without = {}
    for name in masks.FORMS:
        with _without(name):
            less = _scores(lines)
        without[name] = {one: round(whole[one] - less[one], 3) for one in whole if whole[one] != less[one]}
    return {
        "bench": "logs carry",
        "systems": len(lines),
        "FTA": _mean(whole),
        "FTA_lost_without": without,
        "chosen_by_the_others": {name: _left_out(lines, name) for name in CHOICES},
    }


def _left_out(lines: Labelled, constant: str) -> dict[str, Any]:
    by_choice: dict[float, Scores] = {}
    usual = getattr(miner, constant)
    for choice in CHOICES[constant]:
        setattr(miner, constant, choice)
        by_choice[choice] = _scores(lines)
    setattr(miner, constant, usual)
    chosen = {
        system: max(by_choice, key=lambda one: sum(by_choice[one].values()) - by_choice[one][system])
        for system in lines
    }
    return {
        "means": {str(choice): _mean(scores) for choice, scores in by_choice.items()},
        "chosen": sorted(set(chosen.values())),
        "FTA_on_the_one_left_out": _mean(
            {system: by_choice[choice][system] for system, choice in chosen.items()}
        ),
    }


@contextmanager
def _without(name: str) -> Iterator[None]:
    less = masks.compiled({one: form for one, form in masks.FORMS.items() if one != name})
    kept = masks._PLAIN, masks._SLASHED
    masks._PLAIN, masks._SLASHED = less
    try:
        yield
    finally:
        masks._PLAIN, masks._SLASHED = kept


def _scores(lines: Labelled) -> Scores:
    found = {}
    for system, (contents, truth) in lines.items():
        one = miner.Miner()
        ids = one.learn_all(contents)
        found[system] = scored(truth, [one.text(template) for template in ids])["FTA"]
    return found


def _mean(scores: Scores) -> float:
    return round(sum(scores.values()) / len(scores), 3)
