"""`python -m tests.bench.diagnose.confusion --data DIR`: classes given against classes meant, over all labelled cases.

What is meant comes from the answers of each set, which are read for scoring alone. Where an answer allows more than one
class (a wrong image in a rollout is a deploy and a configuration), any of them is right and the first is the row.
"""

import argparse
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from tests.bench.diagnose.__main__ import cases_of, known

Meant = tuple[str, ...]
NONE = "none"
# Memory that is used up is capacity in the list of classes that people know.
FOLDED = {"memory": "capacity"}
STRATA: Mapping[str, Meant] = {
    "cpu": ("capacity",),
    "mem": ("capacity",),
    "cpu_contention": ("capacity",),
    "cpu_consumed": ("capacity",),
    "network_delay": ("network",),
    "return": ("deploy", "configuration"),
    "exception": ("deploy", "configuration"),
    "noissue": (NONE,),
}
CATEGORIES: Mapping[str, Meant] = {
    "healthy": (NONE,),
    "resource_exhaustion": ("capacity", "database_load"),
    "cpu_saturation": ("capacity", "database_load"),
    "connection_exhaustion": ("capacity", "database_load"),
    "configuration_error": ("configuration", "deploy", "network"),
    "code_defect": ("deploy",),
    "dependency_failure": ("dependency",),
    "infrastructure": ("infrastructure",),
}
FAMILIES: Mapping[str, Meant] = {
    "Admission_Fault": ("configuration",),
    "Infrastructure_Fault": ("infrastructure",),
    "Performance_Fault": ("capacity",),
    "Runtime_Fault": ("configuration",),
    "Scheduling_Fault": ("configuration",),
    "Service_Routing_Fault": ("configuration", "network"),
    "Startup_Fault": ("configuration", "deploy"),
}
# Causes that differ from their family, by a part of their name.
CAUSES: tuple[tuple[str, Meant], ...] = (
    ("quota", ("capacity",)),
    ("capacity", ("capacity",)),
    ("oom", ("capacity",)),
    ("connection_exhaustion", ("capacity", "database_load", "dependency")),
    ("packet_loss", ("network",)),
    ("network_delay", ("network",)),
    ("dns", ("network", "configuration")),
    ("image_reference", ("deploy", "configuration")),
    ("zero_replicas", ("configuration", "capacity")),
    ("cordon", ("infrastructure", "configuration")),
    ("read_only", ("configuration", "dependency")),
)


def meant_by(answers: Path, name: str) -> Iterator[tuple[str, Meant]]:
    """Id and class of every answer of a set that tells one."""
    if (answers / name).is_dir():
        for path in sorted((answers / name).glob("*.yml")):
            category = str(yaml.safe_load(path.read_text(encoding="utf-8"))["root_cause_category"])
            if category in CATEGORIES:
                yield path.stem, CATEGORIES[category]
    elif (answers / f"{name}.jsonl").is_file():
        for line in (answers / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
            body = json.loads(line)
            meant = _meant(body)
            if meant:
                yield str(body["id"]), meant


def _meant(body: Mapping[str, object]) -> Meant:
    if "taxonomy" in body:
        cause = str(body["root_cause"])
        special = next((classes for part, classes in CAUSES if part in cause), ())
        return special or FAMILIES.get(str(body["taxonomy"]), ())
    return STRATA.get(str(body.get("stratum", "")).rpartition("/")[2], ())


def given_by(data: Path, name: str) -> Iterator[tuple[str, str]]:
    """Id and class of every case of a set."""
    for case in cases_of(name, data):
        row = case.row()
        given = str(row.get("class", "unknown"))
        yield case.id, FOLDED.get(given, given)


def main() -> int:
    """Print one matrix over all sets asked for, each set's share right, and one line of JSON."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.diagnose.confusion", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="a copy of the data with answers/ in it")
    parser.add_argument("--sets", nargs="*", default=known(), choices=known())
    asked = parser.parse_args()
    matrix: dict[str, Counter[str]] = defaultdict(Counter)
    shares: dict[str, dict[str, float]] = {}
    for name in asked.sets:
        meant = dict(meant_by(asked.data / "answers", name))
        pairs = [
            (meant[key], given)
            for number, given in given_by(asked.data, name)
            for key in (number, number.replace("/", "_"))
            if key in meant
        ]
        for classes, given in pairs:
            matrix[classes[0]][classes[0] if given in classes else given] += 1
        right = sum(given in classes for classes, given in pairs)
        shares[name] = {"cases": len(pairs), "right": round(right / len(pairs), 3) if pairs else 0.0}
    _print(matrix)
    total = sum(sum(row.values()) for row in matrix.values())
    right = sum(row[name] for name, row in matrix.items())
    print(json.dumps({"cases": total, "right": round(right / total, 3) if total else 0.0, "sets": shares}))
    return 0 if total else 1


def _print(matrix: Mapping[str, Counter[str]]) -> None:
    names = sorted({*matrix, *(given for row in matrix.values() for given in row)})
    wide = max((len(name) for name in names), default=8)
    print("meant \\ given".ljust(wide + 6) + " ".join(name[:9].rjust(9) for name in names))
    for name in names:
        if name in matrix:
            row = matrix[name]
            print(name.ljust(wide + 6) + " ".join(str(row[other] or "·").rjust(9) for other in names))


if __name__ == "__main__":
    sys.exit(main())
