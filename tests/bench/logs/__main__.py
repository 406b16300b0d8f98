"""`python -m tests.bench.logs parse|carry|anomaly|robust|order|speed --data DIR`: one JSON line."""

import argparse
import json
import sys
from pathlib import Path

from tests.bench.logs.anomaly import anomaly
from tests.bench.logs.carry import carry
from tests.bench.logs.order import order
from tests.bench.logs.parsing import parse
from tests.bench.logs.robust import robust
from tests.bench.logs.speed import speed

_WHAT = {"parse": parse, "anomaly": anomaly, "carry": carry, "order": order, "robust": robust, "speed": speed}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=sorted(_WHAT))
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds logs/")
    parser.add_argument("--out", type=Path, help="folder for predictions, so that others may score them")
    given = parser.parse_args()
    result = _WHAT[given.what](given.data, given.out)
    print(json.dumps(result), flush=True)
    return 0 if result.get("systems", 1) and result.get("sets", True) else 1


if __name__ == "__main__":
    sys.exit(main())
