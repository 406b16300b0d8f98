"""What every set gives: cases with an id, each of which runs into one row for its scorer.

Also the walk over a copy of the data: cases at any depth, ids below the data's `rca` folder.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.domain.diagnosis.engine import diagnose
from bot.domain.evidence import Conclusion, Diagnosis
from bot.domain.telemetry import Telemetry

Row = dict[str, object]
Lens = Callable[[Telemetry], Telemetry]
QUIET = frozenset({Conclusion.NO_INCIDENT, Conclusion.EXPECTED_LOAD})


@dataclass(frozen=True, slots=True)
class Case:
    """One recorded incident; `run` reads it, asks the engine, and gives its row (without the id)."""

    id: str
    run: Callable[[], Row]

    def row(self) -> Row:
        """The row as the scorer reads it."""
        return {"id": self.id, **self.run()}


@dataclass(frozen=True, slots=True)
class Timed:
    """An answer of the engine and the seconds that it took, reading of files excluded."""

    diagnosis: Diagnosis
    seconds: float


_lenses: list[Lens] = []


@contextmanager
def through(lens: Lens) -> Iterator[None]:
    """Whatever a case reads goes through `lens` before the engine sees it: to leave things out, or to look on."""
    _lenses.append(lens)
    try:
        yield
    finally:
        _lenses.pop()


def timed(telemetry: Telemetry) -> Timed:
    """Ask the engine that the bot runs."""
    for lens in _lenses:
        telemetry = lens(telemetry)
    begun = time.perf_counter()
    found = diagnose(telemetry)
    return Timed(found, time.perf_counter() - begun)


def ranked(answer: Timed, names: Mapping[str, str] | None = None) -> Row:
    """A row of names; `names` translates the engine's services back to the recording's own."""
    found, back = answer.diagnosis, names or {}
    ranking = [back.get(one.service, one.service) for one in found.hypotheses]
    if found.conclusion in QUIET:
        ranking = []
    return {
        "ranking": list(dict.fromkeys(ranking)),
        "confidence": found.hypotheses[0].confidence if found.hypotheses else 0.0,
        "seconds": round(answer.seconds, 6),
        "conclusion": found.conclusion.value,
        "class": class_of(found),
    }


def class_of(found: Diagnosis) -> str:
    """The class that the engine would give: of the best hypothesis, sure or not; `none` where nothing is wrong."""
    if found.conclusion is Conclusion.NO_INCIDENT:
        return "none"
    return found.hypotheses[0].cause.value if found.hypotheses else "unknown"


def folders_with(data: Path, *names: str) -> Iterator[Path]:
    """Folders under `DIR/rca` (or DIR, where it has no such folder) that hold all files named, sorted."""
    for path in sorted(root_of(data).rglob(names[0])):
        if path.is_file() and all((path.parent / name).is_file() for name in names[1:]):
            yield path.parent


def root_of(data: Path) -> Path:
    """Where ids begin."""
    return data / "rca" if (data / "rca").is_dir() else data


def id_of(data: Path, folder: Path) -> str:
    """Path of a case below the root, with slashes."""
    return folder.relative_to(root_of(data)).as_posix()
