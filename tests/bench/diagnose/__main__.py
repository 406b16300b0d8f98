"""`python -m tests.bench.diagnose SET --data DIR --out FILE`: rows of one set for its scorer."""

import argparse
import importlib
import json
import pkgutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

from tests.bench.diagnose import sets
from tests.bench.diagnose.case import Case


def known() -> list[str]:
    """Names of the sets: the files of the folder."""
    return sorted(module.name for module in pkgutil.iter_modules(sets.__path__))


def cases_of(name: str, data: Path) -> Iterator[Case]:
    """Cases of one set under a copy of the data."""
    module = importlib.import_module(f"{sets.__name__}.{name}")
    find = cast(Callable[[Path], Iterator[Case]], module.cases)
    return find(data)


def main() -> int:
    """Run every case, write its row at once."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.diagnose", description=__doc__)
    parser.add_argument("set", choices=known())
    parser.add_argument("--data", type=Path, required=True, help="a copy of the data, with rca/ in it")
    parser.add_argument("--out", type=Path, required=True, help="file for the rows, one JSON object a line")
    parser.add_argument("--only", default="", help="run only cases whose id contains this")
    given = parser.parse_args()
    count = 0
    with given.out.open("w", encoding="utf-8") as out:
        for case in cases_of(given.set, given.data):
            if given.only in case.id:
                out.write(json.dumps(case.row()) + "\n")
                out.flush()
                count += 1
    print(json.dumps({"set": given.set, "cases": count, "out": str(given.out)}))
    return 0 if count else 1


if __name__ == "__main__":
    sys.exit(main())
