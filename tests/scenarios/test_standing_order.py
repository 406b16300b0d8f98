"""The bad deploy under a standing order: signed over the public doors, rolled back without a click, revoked by one.

What a planned event announces stays in the calendar of its tree, so that its scenario is played here, after the only other
run, and no tree is started for it alone. That an order holds only for what it names is shown in tests/unit/pipeline.
"""

import random
from collections.abc import Iterator
from typing import Any

import pytest

from bot.local.demo import ordering, reading
from bot.local.demo.drive import Drive, Orders
from bot.local.demo.judging import failures
from bot.local.demo.layout import new_layout, processes
from bot.local.demo.outside import Outside
from bot.local.demo.supervisor import Supervisor

DEADLINE_S = 180.0  # For each wait, on a machine that does much else.
Run = tuple[Outside, Drive, Orders, dict[str, Any]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A product tree that has played the bad deploy under an order."""
    layout = new_layout(tmp_path_factory.mktemp("demo") / "data", 0)
    with Supervisor(layout, processes(layout), quiet=True):
        outside = Outside(layout)
        orders = Orders("bad-deploy", random.randrange(1, 10_000), "oncall-1", "", standing_order=True)
        drive = Drive(outside, orders, deadline_s=DEADLINE_S)
        yield outside, drive, orders, drive.play()
        outside.close()


@pytest.mark.timeout(400)
def test_it_is_rolled_back_without_a_click_and_revoked_by_one(run: Run) -> None:
    outside, drive, orders, result = run
    assert failures(result, "fixed", orders) == [], result
    assert result["order"] is not None
    assert (result["approved_by"], result["executed_steps"]) == (None, 1)
    assert result["seconds_cause_to_first_call"] > 0  # What it is on a quiet machine, the demo prints.
    assert result["posts"] <= 10
    found = reading.proposal(outside.slack(), drive._incident())
    assert found is not None
    channel, message = found
    revoke = reading.buttons(message, "order_revoke")[0]
    where = {"channel": channel, "message_ts": message["ts"], "action_id": revoke}
    assert outside.act(**{"as": "oncall-2", "type": "click", **where})["acked"]
    drive._until(lambda: ordering._order(outside, "revoked"), "the order to be revoked")


@pytest.mark.timeout(400)
def test_a_planned_event_ends_as_it_should(run: Run, scenario_seed: int) -> None:
    outside = run[0]
    orders = Orders("planned-event", scenario_seed, "oncall-1", "")
    result = Drive(outside, orders, deadline_s=DEADLINE_S).play()
    assert failures(result, str(outside.scenario()["ends"]), orders) == [], result
