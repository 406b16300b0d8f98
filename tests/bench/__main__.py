"""`python -m tests.bench [--only NAME]`: timings as JSON lines, each beside its limit from the same run where it has one.

Machines are noisy: quote medians and ratios. Nothing here is asserted; the tests assert counts, not seconds.
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Mapping

from tests.bench import correlation, diagnosis, intake, log_chain, loop

BENCHES: Mapping[str, Callable[[int], list[dict[str, object]]]] = {
    "intake": intake.measure,
    "correlation": correlation.measure,
    "log_chain": log_chain.measure,
    "diagnosis": diagnosis.measure,
    "loop": loop.measure,
}


def main() -> int:
    """Run the benches named, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=sorted(BENCHES), action="append")
    parser.add_argument("--runs", type=int, default=5, help="counted runs of each; the median is printed")
    given = parser.parse_args()
    machine = {"machine": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()}
    print(json.dumps({**machine, "load_average": round(os.getloadavg()[0], 2)}), flush=True)
    for name in given.only or BENCHES:
        for row in BENCHES[name](given.runs):
            print(json.dumps({"bench": name, **row}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
