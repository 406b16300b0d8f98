"""`python -m tests.bench.diagnose.robust --data DIR`: one table, set by view, of what each view costs.

A cliff under a harmless view is a defect. Files that a hidden copy may lack are left out in the same way.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

from tests.bench.diagnose.__main__ import cases_of
from tests.bench.diagnose.case import Case, Row, through
from tests.bench.diagnose.cluster_views import CLUSTER_VIEWS, through_cluster
from tests.bench.diagnose.score import Judged, judged
from tests.bench.diagnose.views import HARMLESS, POORER, Lens, Renamed

SETS = ("petshop", "sockshop1", "nezha")
CLUSTERS = ("cloudops",)
VIEWS = {**HARMLESS, **POORER}


def seen(name: str, listed: Sequence[Case], view: str, data: Path) -> list[Judged]:
    """Every case of a set through a view, judged."""
    rows = []
    for case in listed:
        lens: Lens = VIEWS[view]() if name in SETS else through_cluster(CLUSTER_VIEWS[view])
        with through(lens):
            rows.append(case.row())
        if isinstance(lens, Renamed):
            rows[-1] = _renamed_back(rows[-1], lens.back)
    return list(judged(name, rows, data))


def _renamed_back(row: Row, back: Mapping[str, str]) -> Row:
    names = [str(one) for one in cast(list[object], row["ranking"])]
    return {**row, "ranking": [back.get(one, one) for one in names]}


def line(view: str, found: Sequence[Judged]) -> str:
    """A row of the table: each system's right answers, at one and at three, and false alarms."""
    parts = []
    for system in sorted({one.system for one in found}):
        of_system = [one for one in found if one.system == system]
        ill, well = [one for one in of_system if not one.quiet], [one for one in of_system if one.quiet]
        first = sum(one.place == 1 for one in ill) / max(1, len(ill))
        third = sum(0 < one.place <= 3 for one in ill) / max(1, len(ill))
        alarms = f" {sum(one.answered for one in well):2}/{len(well)}" if well else ""
        parts.append(f"{system} {first:.2f} {third:.2f}{alarms}")
    return f"{view:28} " + "   ".join(parts)


def table(names: Sequence[str], views: Sequence[str], data: Path) -> Iterator[str]:
    """All rows, set by set."""
    for name in names:
        listed = list(cases_of(name, data))
        for view in views or (VIEWS if name in SETS else CLUSTER_VIEWS):
            yield line(view, seen(name, listed, view, data))


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.diagnose.robust", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", action="append", choices=SETS + CLUSTERS, help="these sets")
    parser.add_argument(
        "--view", action="append", choices=sorted({**VIEWS, **CLUSTER_VIEWS}), help="these views"
    )
    given = parser.parse_args()
    count = 0
    for text in table(given.only or SETS + CLUSTERS, given.view or (), given.data):
        print(text, flush=True)
        count += 1
    print(json.dumps({"rows": count}))
    return 0 if count else 1


if __name__ == "__main__":
    sys.exit(main())
