"""The product's own messages and modals before the double's rules, which share no code with the product's validator."""

from bot.blocks import modals
from bot.local.slackdouble.strict.layout import check_blocks, check_view
from tests.unit.blocks import samples
from tests.unit.blocks.test_messages import MODAL, messages


def test_every_message_is_taken() -> None:
    refused = {name: check_blocks(list(m.blocks), "message") for name, _, m in messages()}
    assert len(refused) >= 100
    assert {name: faults for name, faults in refused.items() if faults} == {}


def test_every_modal_is_taken() -> None:
    views = [modals.new_incident(MODAL, ""), modals.planned_event(MODAL)]
    views += [modals.review(one, option, MODAL) for _, one in samples.every() for option in one.options]
    assert len(views) >= 10
    assert [faults for view in views if (faults := check_view(view))] == []
