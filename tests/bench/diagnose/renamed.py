"""Whether the rules carry over: every workload, node and namespace of each recording gets another name.

`python -m tests.bench.diagnose.renamed --data DIR` runs each recorded cluster twice, as it is and renamed, and prints
how many answers are the same but for the names.
"""

import argparse
import gzip
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from bot.domain.diagnosis.cluster.judge import findings
from bot.domain.diagnosis.cluster.state import ClusterState
from tests.bench.diagnose.case import folders_with, id_of
from tests.bench.diagnose.sets.cloudops import state_from


def names_of(state: ClusterState) -> dict[str, str]:
    """New names for everything that has one of its own."""
    names = {state.namespace, *(one.name for one in state.workloads), *(one.name for one in state.nodes)}
    names |= {one.name for one in state.services}
    return {name: f"zq{number:02}x" for number, name in enumerate(sorted(names)) if name}


def renamed(text: str, names: dict[str, str]) -> str:
    """A recording with the names replaced, longest first, whole words only."""
    longest = sorted(names, key=lambda name: (-len(name), name))
    pattern = re.compile(
        rf"(?<![A-Za-z0-9])(?<!role=)({'|'.join(re.escape(name) for name in longest)})(?![A-Za-z0-9])"
    )
    return pattern.sub(lambda match: names[match[1]], text)


def compared(data: Path) -> Iterator[tuple[str, object, object]]:
    """Each case's id and its two answers, the second in the names of the first."""
    for folder in folders_with(data, "tool_cache.json.gz"):
        with gzip.open(folder / "tool_cache.json.gz", "rt", encoding="utf-8") as file:
            text = file.read()
        state = state_from(json.loads(text))
        names = names_of(state)
        first = [(one.kind, names.get(one.name, one.name), one.cause.value) for one in findings(state)[:1]]
        other = state_from(json.loads(renamed(text, names)))
        yield (
            id_of(data, folder),
            first,
            [(one.kind, one.name, one.cause.value) for one in findings(other)[:1]],
        )


def main() -> int:
    """Print the differences and one line of JSON; 1 when there is any."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.diagnose.renamed", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    found = list(compared(parser.parse_args().data))
    different = [row for row in found if row[1] != row[2]]
    for row in different:
        print(json.dumps(row), file=sys.stderr)
    print(json.dumps({"cases": len(found), "same": len(found) - len(different)}))
    return 1 if different or not found else 0


if __name__ == "__main__":
    sys.exit(main())
