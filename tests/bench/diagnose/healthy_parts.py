"""False alarms on what is healthy: each recorded cluster without the workload at fault must give no finding.

`python -m tests.bench.diagnose.healthy_parts --data DIR` takes the workload that the rules blame, and what speaks of
it, out of each recording, and prints how many of the rest still raise something worth showing.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bot.domain.diagnosis.cluster.finding import SEEN, Finding
from bot.domain.diagnosis.cluster.judge import findings
from bot.domain.diagnosis.cluster.state import ClusterState
from tests.bench.diagnose.case import folders_with, id_of
from tests.bench.diagnose.sets.cloudops import state_of


def without(state: ClusterState, name: str) -> ClusterState:
    """The state as if the workload, its Services and what others say of them had never been."""
    gone = {
        name,
        *(one.name for one in state.services if state.workload(name) and _serves(state, one.name, name)),
    }
    return replace(
        state,
        pods=tuple(one for one in state.pods if one.workload != name),
        workloads=tuple(
            replace(
                one, spec=replace(one.spec, containers=tuple(replace(c, env={}) for c in one.spec.containers))
            )
            for one in state.workloads
            if one.name != name
        ),
        services=tuple(one for one in state.services if one.name not in gone),
        reaches=tuple(one for one in state.reaches if one.service not in gone),
        logs=tuple(one for one in state.logs if one.workload != name),
        shifts=(),
        calls={
            caller: tuple(c for c in callees if c != name)
            for caller, callees in state.calls.items()
            if caller != name
        },
    )


def _serves(state: ClusterState, service: str, workload: str) -> bool:
    found, own = state.service(service), state.workload(workload)
    return found is not None and own is not None and found.selector.items() <= own.labels.items()


def raised(data: Path) -> Iterator[tuple[str, list[Finding]]]:
    """Each case whose fault is a workload's, with what its healthy rest raises."""
    for folder in folders_with(data, "tool_cache.json.gz"):
        state = state_of(folder)
        first = findings(state)[:1]
        if first and first[0].kind == "workload":
            rest = findings(without(state, first[0].name))
            yield id_of(data, folder), [one for one in rest if one.weight >= SEEN]


def main() -> int:
    """Print what was raised, by rule, and one line of JSON."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.diagnose.healthy_parts", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    found = list(raised(parser.parse_args().data))
    rules = Counter(one.rule for _, some in found for one in some)
    for case, some in found:
        for one in some:
            print(case, one.rule, one.name, one.because, file=sys.stderr)
    alarms = sum(bool(some) for _, some in found)
    print(json.dumps({"cases": len(found), "alarms": alarms, "rules": dict(rules)}))
    return 0 if found else 1


if __name__ == "__main__":
    sys.exit(main())
