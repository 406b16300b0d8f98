"""Each scenario, from the first alert to the post-mortem, through the whole product, on seeds drawn anew each time.

`--scenario-seeds N` says how many; `--seeds 7,8` repeats some. One product tree plays all of them, one after the
other, and two of them once more to be rejected.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.local.demo.drive import Drive, Orders
from bot.local.demo.judging import failures
from bot.local.demo.layout import new_layout, processes
from bot.local.demo.outside import Outside
from bot.local.demo.supervisor import Supervisor
from tests.scenarios.play import ACTIONS, LOOP

# A planned event changes its tree's calendar and is played in test_standing_order.py.
SCENARIOS = tuple(name for name in (*LOOP, *ACTIONS) if name != "planned-event")

DEADLINE_S = 180.0  # For each wait, on a machine that does much else.


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    """One product tree."""
    layout = new_layout(tmp_path_factory.mktemp("demo") / "data", 0)
    with Supervisor(layout, processes(layout), quiet=True):
        found = Outside(layout)
        yield found
        found.close()


@pytest.mark.timeout(900)
def test_each_ends_as_it_should(outside: Outside, scenario_seed: int) -> None:
    wrong = {}
    for orders in _all(scenario_seed):
        result = Drive(outside, orders, deadline_s=DEADLINE_S).play()
        faults = failures(result, str(outside.scenario()["ends"]), orders)
        if orders.scenario == "bad-deploy" and (result["alerts_sent"], result["incidents"]) != (1000, 1):
            faults.append(f"{result['alerts_sent']} alerts, {result['incidents']} incidents")
        if orders.scenario == "db-cascade" and orders.early and not result["seconds_before_first_alert"]:
            faults.append("the watcher saw nothing before the first alert")
        if orders.reject_as and (result["executed_steps"], result["approved_by"]) != (0, None):
            faults.append(f"rejected, and yet {result['executed_steps']} steps ran")
        if faults:
            wrong[orders] = faults
    assert wrong == {}, scenario_seed


def _all(seed: int) -> Iterator[Orders]:
    """Every scenario carried out, then two of them rejected, which leaves their world broken."""
    # The first one on the tree, so that no earlier incident's services keep the watcher silent.
    for scenario in sorted(SCENARIOS, key=lambda name: name != "db-cascade"):
        yield Orders(scenario, seed, "oncall-1", "")
    yield Orders("db-cascade", seed + 1, "", "oncall-2", early=False)
    yield Orders("memory-exhaustion", seed + 1, "", "oncall-1", option="B")


def headless(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "bot",
        "demo",
        "--headless",
        "--json",
        "--data-dir",
        str(folder),
        *arguments,
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=400, env=os.environ, check=False)


@pytest.mark.timeout(450)
def test_with_the_truth_swapped_the_run_fails(tmp_path: Path) -> None:
    done = headless(
        tmp_path / "demo", "--scenario", "recorded", "--seed", "3", "--expect-cause", "somebody-else"
    )
    assert done.returncode == 1, done.stderr[-2000:]
    assert "the named cause is the true one" in done.stderr
    assert len(done.stdout.strip().splitlines()) == 1
