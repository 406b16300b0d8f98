"""The bad deploy under a standing order: signed over the public doors, rolled back without a click, undone by one."""

import random
from collections.abc import Iterator

import pytest

from bot.local.demo import ordering, reading
from bot.local.demo.drive import Drive, Orders, failures
from bot.local.demo.layout import new_layout, processes
from bot.local.demo.outside import Outside
from bot.local.demo.supervisor import Supervisor


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    """One product tree for both runs; the order of the one does not concern the services of the other."""
    layout = new_layout(tmp_path_factory.mktemp("demo") / "data", 0)
    with Supervisor(layout, processes(layout), quiet=True):
        found = Outside(layout)
        yield found
        found.close()


@pytest.mark.timeout(170)
def test_it_is_rolled_back_without_a_click_and_revoked_by_one(outside: Outside) -> None:
    orders = Orders("bad-deploy", random.randrange(1, 10_000), "oncall-1", "", standing_order=True)
    drive = Drive(outside, orders)
    result = drive.play()
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


@pytest.mark.timeout(170)
def test_an_order_for_other_services_leaves_the_plan_to_people(outside: Outside) -> None:
    drive = Drive(outside, Orders("bad-deploy", 7, "oncall-1", ""))
    drive._until(outside.ready, "the product to be ready")
    assert ordering.put_in_force(outside, ["somewhere-else"], drive._until).startswith("SO-")
    result = drive.play()
    assert failures(result, "fixed", Orders("bad-deploy", 7, "oncall-1", "")) == [], result
    assert (result["order"], result["approved_by"], result["executed_steps"]) == (None, "oncall-1", 1)
