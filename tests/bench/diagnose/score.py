"""Right or wrong: rows of a set beside its answers, by the rules of the scorers. Answers are read here and nowhere else."""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

DRAWS = 1000


@dataclass(frozen=True, slots=True)
class Judged:
    """One row judged. `place` is where the truth stands in the ranking (0: nowhere); `quiet` says that there was none."""

    set: str
    system: str
    stratum: str
    place: int
    answered: bool
    quiet: bool
    confidence: float
    seconds: float
    conclusion: str

    @property
    def right(self) -> bool:
        """Whether the first answer is the right one; on a quiet recording, whether nothing was claimed."""
        return not self.answered if self.quiet else self.place == 1


def judged(name: str, rows: Sequence[Mapping[str, Any]], data: Path) -> Iterator[Judged]:
    """Every row that has an answer under `DIR/answers`."""
    answers = _answers(name, data)
    for row in rows:
        answer = answers.get(str(row["id"]))
        if answer is not None:
            yield _judged(name, row, answer)


def _answers(name: str, data: Path) -> dict[str, Mapping[str, Any]]:
    listed = data / "answers" / f"{name}.jsonl"
    if listed.is_file():
        rows = [json.loads(line) for line in listed.read_text(encoding="utf-8").splitlines() if line.strip()]
        return {str(row["id"]): row for row in rows}
    found = {}
    for path in sorted((data / "answers" / name).glob("*.yml")):
        family, _, number = path.stem.rpartition("_")
        found[f"{family}/{number}"] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


def _judged(name: str, row: Mapping[str, Any], answer: Mapping[str, Any]) -> Judged:
    parts = str(row["id"]).split("/")
    given: list[Any]
    truth: list[Any]
    if "object" in answer:
        stratum, given = "/".join(parts[:2]), [(one["object"], one["root_cause"]) for one in row["ranking"]]
        truth = [(answer["object"], answer["root_cause"])]
        system = parts[0]
    elif "root_cause_category" in answer:
        stratum = system = f"{name}/{parts[0]}"
        given, truth = _category(row, answer)
    else:
        stratum, given = str(answer.get("stratum", name)), list(row["ranking"])
        cause = answer["root_cause"]
        truth = [cause] if isinstance(cause, str) else list(cause or [])
        system = stratum.split("/")[0] if name == "nezha" else name
    place = next((number for number, one in enumerate(given, 1) if one in truth), 0)
    return Judged(
        name,
        system,
        stratum,
        place,
        bool(given),
        not truth,
        float(row.get("confidence") or 0.0),
        float(row.get("seconds") or 0.0),
        str(row.get("conclusion", "")),
    )


def _category(row: Mapping[str, Any], answer: Mapping[str, Any]) -> tuple[list[Any], list[Any]]:
    """A category counts where the evidence that it needs was consulted; healthy is no incident."""
    consulted = set(answer.get("required_evidence_sources") or []) <= set(row.get("evidence") or [])
    given = [] if row["category"] == "healthy" else [row["category"] if consulted else "evidence not read"]
    healthy = answer["root_cause_category"] == "healthy"
    return given, [] if healthy else [answer["root_cause_category"]]


def interval(hits: Sequence[float]) -> tuple[float, float]:
    """95 % bootstrap interval of a mean."""
    draw = random.Random(0)
    means = sorted(sum(draw.choices(hits, k=len(hits))) / len(hits) for _ in range(DRAWS))
    return means[DRAWS // 40], means[DRAWS - 1 - DRAWS // 40]


def calibration_error(pairs: Sequence[tuple[float, bool]]) -> float:
    """Expected calibration error over ten bins of confidence."""
    bins: dict[int, list[float]] = {}
    for confidence, right in pairs:
        bins.setdefault(min(9, int(confidence * 10)), []).append(confidence - right)
    return sum(abs(sum(gaps)) for gaps in bins.values()) / max(1, len(pairs))


def error_interval(pairs: Sequence[tuple[float, bool]]) -> tuple[float, float]:
    """95 % bootstrap interval of the calibration error."""
    draw = random.Random(0)
    found = sorted(calibration_error(draw.choices(pairs, k=len(pairs))) for _ in range(DRAWS // 4))
    return found[len(found) // 40], found[len(found) - 1 - len(found) // 40]
