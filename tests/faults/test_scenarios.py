"""Whole scenarios through the whole product while one call in twenty to Slack, cluster, AWS and telemetry fails.

`python -m tests.scenarios.play --faults 0.05` plays them all on seeds drawn anew; here one seed of faults is played whose
first post is done and its answer lost, whose third is refused with a wait, and whose second edit is done and hangs.
"""

import contextlib
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.local.demo.drive import PATIENCE_S, Drive, Orders
from bot.local.demo.judging import failures
from bot.local.demo.layout import Layout, Trouble, new_layout, processes
from bot.local.demo.outside import Outside
from bot.local.demo.reading import cards
from bot.local.demo.supervisor import Supervisor

TROUBLE = Trouble(0.05, 3277)
# `make scenarios` plays another one too, on fresh seeds.
SCENARIOS = ("bad-deploy",)
ONCE = ("incident_declared", "approval_granted", "execution_finished")
DEADLINE_S = 180.0  # For each wait, on a machine that does much else.


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[tuple[Layout, Outside]]:
    layout = new_layout(tmp_path / "data", 0)
    with (
        Supervisor(layout, processes(layout, TROUBLE), quiet=True),
        contextlib.closing(Outside(layout)) as outside,
    ):
        yield layout, outside


@pytest.mark.timeout(900)
def test_they_end_as_without_faults_each_message_and_each_action_once(tree: tuple[Layout, Outside]) -> None:
    layout, outside = tree
    for played, scenario in enumerate(SCENARIOS, start=1):
        orders = Orders(scenario, TROUBLE.seed, "oncall-1", "", patience_s=PATIENCE_S)
        result = Drive(outside, orders, deadline_s=DEADLINE_S).play()
        assert failures(result, str(outside.scenario()["ends"]), orders) == [], scenario
        assert (result["incidents"], result["executed_steps"]) == (1, 1), scenario
        assert len(cards(outside.slack())) == played
        assert _counted(layout) == dict.fromkeys(ONCE, played)
    faults = outside.mishaps()
    happened = ("chat.postMessage done, then cut", "chat.postMessage 429", "chat.update done, then hang")
    assert set(happened) <= set(faults), faults
    assert sum(faults.values()) >= 10, faults


def _counted(layout: Layout) -> dict[str, int]:
    """How often the logs of all incidents say what must be said once an incident."""
    with contextlib.closing(sqlite3.connect(layout.database)) as connection:
        rows = connection.execute("SELECT json_extract(CAST(record AS TEXT), '$.type') FROM events")
        found = Counter(row[0] for row in rows)
    return {kind: found[kind] for kind in ONCE}
