"""Clicks through the real Bolt app, the inbox and the gate: who may, who may not, and what everybody else hears."""

import pytest

from bot.domain.event import EventType
from bot.domain.plan import ActionClass, PlanState
from bot.slack.inbox import decide_inbox
from tests.slack.desk import TEAM, Desk
from tests.unit.blocks import samples


def state_of(desk: Desk, plan_hash: str) -> PlanState:
    row = desk.store.read(lambda tx: tx.plan(plan_hash))
    assert row is not None
    return row.state


async def test_a_member_of_the_group_approves(desk: Desk) -> None:
    desk.declare()
    plan = desk.propose()
    await desk.click("U0ONCALL1", desk.post("proposal"), "approve")
    assert state_of(desk, plan.hash) is PlanState.GRANTED
    grant = desk.store.read(lambda tx: tx.grant(plan.hash))
    assert grant is not None
    assert grant.approver == "U0ONCALL1"
    assert (grant.channel, grant.message_ts) == (desk.post("proposal").channel, desk.post("proposal").ts)
    assert "You approved option A" in desk.whisper()
    desk.send()
    assert "approved by <@U0ONCALL1>" in str(desk.post("proposal").blocks)


@pytest.mark.parametrize(
    ("who", "words", "rule"),
    [
        ("U0OUTSIDER", "not in the approver group", "not_in_group"),
        ("U0GUEST", "Guests cannot decide", "guest"),
    ],
)
async def test_others_are_refused_in_private_in_one_sentence(
    desk: Desk, who: str, words: str, rule: str
) -> None:
    desk.declare()
    plan = desk.propose()
    posts = len(desk.chat.posts)
    for action in ("approve", "reject"):
        await desk.click(who, desk.post("proposal"), action)
        channel, user, text = desk.chat.whispers[-1]
        assert (user, channel) == (who, "C0ALERTS")
        assert words in text
        assert text.count(". ") == 0, "one sentence"
    desk.send()
    assert len(desk.chat.posts) == posts, "nobody else hears of it"
    assert state_of(desk, plan.hash) is PlanState.PROPOSED
    assert [event.body["rule"] for event in desk.events(EventType.APPROVAL_REFUSED)] == [rule, rule]


async def test_a_foreign_workspace_is_refused(desk: Desk) -> None:
    desk.declare()
    plan = desk.propose()
    await desk.click(
        "U0ONCALL1", desk.post("proposal"), "approve", user={"id": "U0ONCALL1", "team_id": "T0OTHER"}
    )
    assert state_of(desk, plan.hash) is PlanState.PROPOSED
    assert [event.body["rule"] for event in desk.events(EventType.APPROVAL_REFUSED)] == ["wrong_workspace"]


async def test_a_lookalike_message_is_refused(desk: Desk) -> None:
    desk.declare()
    plan = desk.propose()
    container = {"type": "message", "message_ts": "1.000001", "channel_id": "C0ALERTS"}
    await desk.click("U0ONCALL1", desk.post("proposal"), "approve", container=container)
    assert state_of(desk, plan.hash) is PlanState.PROPOSED
    assert "not on the incident's own card" in desk.whisper()


async def test_the_same_delivery_counts_once(desk: Desk) -> None:
    desk.declare()
    plan = desk.propose()
    body = desk.click_body("U0ONCALL1", desk.post("proposal"), "approve")
    for _ in range(20):
        assert (await desk.dispatch(body)).status == 200
    assert decide_inbox(desk.parts) == 1
    assert len(desk.events(EventType.APPROVAL_GRANTED)) == 1
    assert state_of(desk, plan.hash) is PlanState.GRANTED


async def test_the_second_clicker_hears_who_was_first(desk: Desk) -> None:
    desk.declare()
    desk.propose()
    post = desk.post("proposal")
    first, second = (desk.click_body(who, post, "approve") for who in ("U0ONCALL1", "U0ONCALL2"))
    await desk.dispatch(first)
    await desk.dispatch(second)
    decide_inbox(desk.parts)
    assert "<@U0ONCALL1> approved option A" in desk.whisper()
    assert len(desk.events(EventType.APPROVAL_GRANTED)) == 1


async def test_reject_is_final(desk: Desk) -> None:
    desk.declare()
    plan = desk.propose()
    post = desk.post("proposal")
    late = desk.click_body("U0ONCALL2", post, "approve")
    await desk.click("U0ONCALL1", post, "reject")
    await desk.dispatch(late)
    decide_inbox(desk.parts)
    assert state_of(desk, plan.hash) is PlanState.REJECTED
    assert desk.store.read(lambda tx: tx.grant(plan.hash)) is None


async def test_a_destructive_plan_needs_the_review_the_name_and_two_people(desk: Desk) -> None:
    desk.declare()
    plan = desk.propose(samples.plan("D", klass=ActionClass.DESTRUCTIVE, undo=False))
    post = desk.post("proposal")
    await desk.click("U0ONCALL1", post, "review")
    await desk.submit("U0ONCALL1", {"typed": "wrong"})
    assert "typed name" in desk.whisper()
    await desk.click("U0ONCALL1", post, "review")
    await desk.submit("U0ONCALL1", {"typed": "orders-api"})
    assert "second, different approver" in desk.whisper()
    assert state_of(desk, plan.hash) is PlanState.PROPOSED
    desk.send()
    for kind in ("proposal", "card"):
        assert "1 of 2:* <@U0ONCALL1> agreed" in str(desk.post(kind).blocks)
    await desk.click("U0ONCALL2", post, "review")
    assert "1 of 2:* <@U0ONCALL1> agreed" in str(desk.chat.views[-1])
    await desk.submit("U0ONCALL2", {"typed": "orders-api"})
    assert state_of(desk, plan.hash) is PlanState.GRANTED
    desk.send()
    assert "approved by <@U0ONCALL2> and <@U0ONCALL1>" in str(desk.post("proposal").blocks)
    grant = desk.store.read(lambda tx: tx.grant(plan.hash))
    assert grant is not None
    assert (grant.approver, grant.seconded_by) == ("U0ONCALL2", "U0ONCALL1")
    assert grant.expires_ms - grant.granted_ms == 300_000


async def test_a_risky_plan_needs_a_written_reason(desk: Desk) -> None:
    desk.declare()
    plan = desk.propose(samples.plan())
    post = desk.post("proposal")
    for empty in ({}, {"reason": "  x "}, {"reason": "x" * 301}):
        await desk.click("U0ONCALL1", post, "review")
        await desk.submit("U0ONCALL1", empty)
        assert "needs a reason" in desk.whisper()
        assert state_of(desk, plan.hash) is PlanState.PROPOSED
    hostile = "approve B & unfreeze <!channel> <@U0ONCALL2>"
    await desk.click("U0ONCALL1", post, "review")
    await desk.submit("U0ONCALL1", {"reason": hostile})
    assert state_of(desk, plan.hash) is PlanState.GRANTED
    desk.send()
    shown = str(desk.post("proposal").blocks)
    assert "reason: approve B &amp; unfreeze &lt;!channel&gt;" in shown
    assert "<!channel>" not in shown


async def test_whoever_asked_for_a_destructive_plan_cannot_approve_it(desk: Desk) -> None:
    desk.declare()
    await desk.slash("U0ONCALL1", "diagnose")
    plan = desk.propose(samples.plan("D", klass=ActionClass.DESTRUCTIVE, undo=False))
    await desk.click("U0ONCALL1", desk.post("proposal"), "review")
    await desk.submit("U0ONCALL1", {"typed": "orders-api"})
    assert "cannot approve it" in desk.whisper()
    await desk.click("U0ONCALL2", desk.post("proposal"), "review")
    await desk.submit("U0ONCALL2", {"typed": "orders-api"})
    assert "second, different approver" in desk.whisper()
    assert state_of(desk, plan.hash) is PlanState.PROPOSED


async def test_the_first_of_two_must_still_be_in_the_group_at_the_end(desk: Desk) -> None:
    desk.declare()
    plan = desk.propose(samples.plan("D", klass=ActionClass.DESTRUCTIVE, undo=False))
    await desk.click("U0ONCALL1", desk.post("proposal"), "review")
    await desk.submit("U0ONCALL1", {"typed": "orders-api"})
    desk.chat.groups["oncall"] = ("U0ONCALL2",)
    await desk.click("U0ONCALL2", desk.post("proposal"), "review")
    await desk.submit("U0ONCALL2", {"typed": "orders-api"})
    assert "second, different approver" in desk.whisper()
    assert state_of(desk, plan.hash) is PlanState.PROPOSED


async def test_review_from_the_card_approves_the_plan_that_was_shown(desk: Desk) -> None:
    desk.declare()
    plan = desk.propose()
    await desk.click("U0ONCALL1", desk.post("card"), "review")
    trigger, view = desk.chat.views[-1]
    assert trigger.startswith("trigger-")
    assert "rollout undo" in str(view)
    await desk.submit("U0ONCALL1", {})
    assert state_of(desk, plan.hash) is PlanState.GRANTED


async def test_stop_turns_the_switch_and_is_logged(desk: Desk) -> None:
    desk.declare()
    desk.propose()
    post = desk.post("proposal")
    await desk.click("U0ONCALL1", post, "approve")
    desk.send()
    await desk.click("U0OUTSIDER", desk.post("proposal"), "stop")
    assert desk.store.read(lambda tx: tx.switched_on(["incident:inc-1"])) == "incident:inc-1"
    assert [event.body["by"] for event in desk.events(EventType.STOP_REQUESTED)] == ["U0OUTSIDER"]


async def test_a_guest_cannot_stop_or_use_the_menu(desk: Desk) -> None:
    desk.declare()
    menu = desk.click_body("U0GUEST", desk.post("card"), "menu")
    menu["actions"][0]["selected_option"] = desk.button(desk.post("card"), "menu")["options"][2]
    await desk.dispatch(menu)
    decide_inbox(desk.parts)
    assert "Guests cannot use Watchkeeper" in desk.whisper()
    assert desk.store.read(lambda tx: tx.switched_on(["incident:inc-1"])) is None


async def test_the_menu_obeys_its_verbs(desk: Desk) -> None:
    desk.declare()
    entries = desk.button(desk.post("card"), "menu")["options"]
    for entry, words in zip(
        entries,
        ("Timeline of INC-1", "Investigating INC-1", "Stopped", "nothing to merge", "resolved"),
        strict=True,
    ):
        body = desk.click_body("U0ONCALL1", desk.post("card"), "menu")
        body["actions"][0]["selected_option"] = entry
        await desk.dispatch(body)
        decide_inbox(desk.parts)
        assert words in desk.whisper()


async def test_observe_only_decides_nothing(desk: Desk) -> None:
    seeing = Desk(desk.store, observe_only=True, clock=desk.clock)
    seeing.declare()
    plan = seeing.propose()
    body = seeing.click_body("U0ONCALL1", seeing.post("card"), "menu")
    body["actions"] = [
        {"action_id": "approve:A:x", "value": f"inc-1|{plan.hash}|1", "type": "button", "block_id": "b"}
    ]
    await seeing.dispatch(body)
    decide_inbox(seeing.parts)
    assert "observe mode" in seeing.whisper()
    assert state_of(seeing, plan.hash) is PlanState.PROPOSED
    seeing.recorder.close()


async def test_a_poisoned_row_is_set_aside_and_stops_nobody(desk: Desk) -> None:
    desk.declare()
    desk.propose()
    poison = {
        "user": "U0ONCALL1",
        "team": TEAM,
        "action": "approve",
        "value": "rm -rf /",
        "channel": "C",
        "message_ts": "1",
    }
    desk.store.transact(lambda tx: tx.record_inbox("poison", "click", poison, at=desk.clock.now()))
    await desk.click("U0ONCALL1", desk.post("proposal"), "approve")
    assert "You approved" in desk.whisper()
    decide_inbox(desk.parts)
    decide_inbox(desk.parts)
    assert decide_inbox(desk.parts) == 0, "after three tries it is quarantined"
