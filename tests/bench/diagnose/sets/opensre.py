"""Recorded incidents of a managed database and of managed Kubernetes: alert and recorded answers, with red herrings.

A case may lean on another one for what it does not record itself; what neither has was never read.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from bot.domain.telemetry import Telemetry
from tests.bench.diagnose.case import Case, Row, timed
from tests.bench.diagnose.opensre_eks import cluster_parts
from tests.bench.diagnose.opensre_rds import database_of
from tests.bench.diagnose.opensre_words import alert_of, category_of, read_json

_MARK = "scenario.yml"
_SET = "opensre"


def cases(data: Path) -> Iterator[Case]:
    """Every folder with an alert below the set's folder, at any depth."""
    root = next((path for path in (data / "rca" / _SET, data / _SET) if path.is_dir()), data)
    for path in sorted(root.rglob("alert.json")):
        if (path.parent / _MARK).is_file():
            yield Case(path.parent.relative_to(root).as_posix(), partial(_run, root, path.parent))


def _run(root: Path, folder: Path) -> Row:
    facts, files = _facts(root, folder), _files(root, folder)
    alert = read_json(folder / "alert.json")
    telemetry = _telemetry(facts, alert, files)
    answer = timed(telemetry)
    return {
        **category_of(answer.diagnosis),
        "evidence": sorted(_consulted(files)),
        "seconds": round(answer.seconds, 6),
    }


def _telemetry(facts: Mapping[str, Any], alert: Mapping[str, Any], files: Mapping[str, Path]) -> Telemetry:
    if "eks" in str(facts.get("engine", "")) or any(name.startswith(("eks_", "datadog_")) for name in files):
        return cluster_parts(facts, alert, files)
    database = database_of(facts, alert, files)
    times = [at for one in database.series for at in one.times] + [one.at for one in database.events]
    now = max(times, default=0.0)
    return Telemetry(
        opened_at=now, now=now, alerts=(alert_of(alert, database.service, now),), databases=(database,)
    )


def _facts(root: Path, folder: Path) -> dict[str, Any]:
    """The case's own facts over those of the case that it leans on."""
    base = _base(root, folder)
    return {**(_facts(root, base) if base else {}), **_own(folder)}


def _own(folder: Path) -> dict[str, Any]:
    body = yaml.safe_load((folder / _MARK).read_text(encoding="utf-8"))
    return body if isinstance(body, dict) else {}


def _base(root: Path, folder: Path) -> Path | None:
    """The case that this one leans on: by name beside it, else the one of its kind that leans on none."""
    name = _own(folder).get("base")
    if not name:
        return None
    beside = folder.parent / str(name)
    if beside != folder and (beside / _MARK).is_file():
        return beside
    whole = [path.parent for path in sorted(root.rglob(_MARK)) if not _own(path.parent).get("base")]
    return next((path for path in whole if path != folder and _kind(path) == _kind(folder)), None)


def _kind(folder: Path) -> str:
    return "eks" if any(folder.glob("eks_*.json")) or any(folder.glob("datadog_*.json")) else "rds"


def _files(root: Path, folder: Path) -> dict[str, Path]:
    """Recorded answers by the name of their source; what is missing comes from the case that it leans on."""
    own = {path.stem: path for path in sorted(folder.glob("*.json")) if path.stem != "alert"}
    base = _base(root, folder)
    if base is None:
        return own
    measured = any(name.startswith("aws_cloudwatch_metrics") for name in own)
    lent = {
        name: path
        for name, path in _files(root, base).items()
        if name not in own and not (measured and name.startswith("aws_cloudwatch_metrics"))
    }
    named = set(_facts(root, folder).get("available_evidence", ()))
    return {**{name: path for name, path in lent.items() if _source(name) in named or name in named}, **own}


def _source(name: str) -> str:
    return "aws_cloudwatch_metrics" if name.startswith("aws_cloudwatch_metrics") else name


def _consulted(files: Mapping[str, Path]) -> set[str]:
    """Every source that was read, under its own name and the name of its family."""
    return {*files, *(_source(name) for name in files)}
