"""Standing orders through the real Bolt app: draft, refuse, sign, revoke, lower; what is shown is what was hashed."""

from dataclasses import replace
from typing import Any

import pytest

from bot.adapters.chat.memory import Posted
from bot.adapters.store.sql import SqlStore
from bot.blocks.validate import faults, view_faults
from bot.domain.event import EventType
from bot.domain.playbook import Tier
from bot.domain.records import MessageKind
from bot.domain.standing_order import OrderRow, OrderState, order_text, signature_is_genuine
from bot.slack.inbox import decide_inbox
from bot.slack.order_posts import OrderPosts
from tests.slack.desk import KEY, TEAM, Desk, person
from tests.unit.pipeline.execution_scene import plan_of, undo
from tests.unit.pipeline.order_scene import auto_playbook

BOOK = auto_playbook(plan_of([undo("shop")]))
FORM = {
    "playbook": BOOK.id, "services": "shop", "targets": "", "confidence": "90", "hour": "1", "day": "3", "days": "30",
    "bounds": "",
}  # fmt: skip


class OrderDesk(Desk):
    """A desk with a playbook that may be ordered, and a third engineer in the group."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.chat.people["U0ONCALL3"] = person("U0ONCALL3")
        self.chat.groups["oncall"] = ("U0ONCALL1", "U0ONCALL2", "U0ONCALL3")
        self.parts = replace(self.parts, playbooks=(BOOK,))
        self.posts = OrderPosts(self.store, self.chat, self.clock, "C0ALERTS", "desk", self.outbox.pace)

    async def fill(self, **fields: str) -> None:
        """Draft by the command and its form, and let the message be posted."""
        await self.slash("U0ONCALL1", "tier auto fix shop")
        await self.submit("U0ONCALL1", {**FORM, **fields})
        self.post_orders()

    def post_orders(self) -> None:
        for _ in range(3):
            self.posts.send_due()
            self.clock.forward(1.5)

    async def sign(self, who: str) -> None:
        await self.click(who, self.shown(), "order_sign")
        await self.submit(who, {})
        self.post_orders()

    def row(self) -> OrderRow:
        found = self.store.read(lambda tx: tx.order("SO-1"))
        assert found is not None
        return found

    def shown(self) -> Posted:
        message = self.store.read(lambda tx: tx.message("SO-1", MessageKind.ORDER))
        assert message is not None
        return next(post for post in self.chat.posts if post.ts == message.ts)


@pytest.fixture
def desk(store: SqlStore) -> OrderDesk:
    return OrderDesk(store)


def text_of(blocks: Any) -> str:
    """Everything in the boxes in which Slack parses nothing."""
    if isinstance(blocks, list | tuple):
        return "".join(text_of(block) for block in blocks)
    if isinstance(blocks, dict) and blocks.get("type") == "rich_text_preformatted":
        return "".join(part["text"] for part in blocks["elements"])
    return "".join(text_of(value) for value in blocks.values()) if isinstance(blocks, dict) else ""


async def test_two_others_sign_what_was_shown(desk: OrderDesk) -> None:
    await desk.fill()
    row = desk.row()
    assert row.state is OrderState.DRAFTED
    assert text_of(desk.shown().blocks) == order_text(row.content)
    assert not faults(desk.shown().blocks)
    await desk.click("U0ONCALL2", desk.shown(), "order_sign")
    _, view = desk.chat.views[-1]
    assert text_of(view["blocks"]) == order_text(row.content)
    assert view_faults(view) == []
    assert f"1. {BOOK.steps[0].name} (`kubectl/rollout-undo`)" in str(view["blocks"])
    assert "Undone again unless afterwards: error ratio below 2 %" in str(view["blocks"])
    await desk.submit("U0ONCALL2", {})
    assert "one more signature" in desk.whisper()
    assert desk.row().state is OrderState.DRAFTED
    await desk.sign("U0ONCALL3")
    assert "in force" in desk.whisper()
    assert desk.row().state is OrderState.LIVE
    signatures = desk.store.read(lambda tx: tx.signatures(row.hash))
    assert {one.signer for one in signatures} == {"U0ONCALL2", "U0ONCALL3"}
    assert all(signature_is_genuine(one, KEY) and one.team == TEAM for one in signatures)
    assert {one.message_ts for one in signatures} == {desk.shown().ts}
    kinds = [event.type for event in desk.store.read(lambda tx: tx.events("tenant"))]
    assert kinds == [EventType.ORDER_DRAFTED, EventType.ORDER_SIGNED, EventType.ORDER_SIGNED]
    assert sum(1 for post in desk.chat.posts if post.channel == "C0ALERTS") == 1


@pytest.mark.parametrize(
    ("who", "rule"),
    [
        ("U0ONCALL1", "requester"),
        ("U0OUTSIDER", "not_in_group"),
        ("U0GUEST", "guest"),
        ("U0BOTTY", "bot"),
        ("U0GONE", "deactivated"),
        ("U0FOREIGN", "stranger"),
    ],
)
async def test_nobody_else_signs(desk: OrderDesk, who: str, rule: str) -> None:
    desk.chat.people["U0BOTTY"] = person("U0BOTTY", is_bot=True)
    desk.chat.people["U0GONE"] = person("U0GONE", deleted=True)
    desk.chat.people["U0FOREIGN"] = person("U0FOREIGN", is_stranger=True)
    desk.chat.groups["oncall"] += ("U0GUEST", "U0BOTTY", "U0GONE", "U0FOREIGN")
    await desk.fill()
    await desk.click("U0ONCALL2", desk.shown(), "order_sign")  # Opens the view that the other one submits.
    await desk.submit(who, {})
    assert desk.store.read(lambda tx: tx.signatures(desk.row().hash)) == []
    (refused,) = desk.events(EventType.ORDER_REFUSED, "tenant")
    assert (refused.body["by"], refused.body["rule"]) == (who, rule)
    assert desk.whisper() == refused.body["text"]


async def test_one_person_signs_once(desk: OrderDesk) -> None:
    await desk.fill()
    await desk.sign("U0ONCALL2")
    await desk.sign("U0ONCALL2")
    assert desk.row().state is OrderState.DRAFTED
    assert len(desk.store.read(lambda tx: tx.signatures(desk.row().hash))) == 1


async def test_nothing_is_signed_while_the_group_is_unreadable(desk: OrderDesk) -> None:
    await desk.fill()
    await desk.click("U0ONCALL2", desk.shown(), "order_sign")
    del desk.chat.groups["oncall"]
    await desk.submit("U0ONCALL2", {})
    assert desk.events(EventType.ORDER_REFUSED, "tenant")[0].body["rule"] == "group_unreadable"


async def test_a_review_of_another_message_signs_nothing(desk: OrderDesk) -> None:
    await desk.fill()
    body = desk.click_body("U0ONCALL2", desk.shown(), "order_sign")
    body["container"]["message_ts"] = "1.2"
    await desk.dispatch(body)
    decide_inbox(desk.parts)
    await desk.submit("U0ONCALL2", {})
    assert desk.events(EventType.ORDER_REFUSED, "tenant")[0].body["rule"] == "card_mismatch"


async def test_a_draft_too_old_or_of_a_changed_file_is_not_signed(desk: OrderDesk) -> None:
    await desk.fill()
    desk.parts = replace(desk.parts, playbooks=(replace(BOOK, digest="e" * 64),))
    await desk.sign("U0ONCALL2")
    assert desk.events(EventType.ORDER_REFUSED, "tenant")[-1].body["rule"] == "plan_changed"
    desk.parts = replace(desk.parts, playbooks=(BOOK,))
    desk.clock.forward(86_400)
    await desk.sign("U0ONCALL2")
    assert desk.events(EventType.ORDER_REFUSED, "tenant")[-1].body["rule"] == "expired"


@pytest.mark.parametrize(
    "fields",
    [
        {"services": ""},
        {"services": "*"},
        {"confidence": "50"},
        {"confidence": "99"},
        {"confidence": "sure"},
        {"hour": "0"},
        {"hour": "11", "day": "20"},
        {"hour": "5", "day": "3"},
        {"day": "51"},
        {"days": "91"},
        {"days": "0"},
        {"bounds": "kubectl/rollout-undo.to_revision=1-100000"},
        {"bounds": "kubectl/delete.count=1-2"},
        {"bounds": "pods=1000"},
        {"bounds": "everything"},
        {"targets": "shop"},
    ],
    ids=str,
)
async def test_what_may_not_be_ordered_is_not_drafted(desk: OrderDesk, fields: dict[str, str]) -> None:
    await desk.slash("U0ONCALL1", "tier auto")
    await desk.submit("U0ONCALL1", {**FORM, **fields})
    assert desk.store.read(lambda tx: tx.orders(tuple(OrderState))) == []
    assert desk.whisper()


@pytest.mark.parametrize("more", [{"tier": Tier.SUPERVISED}, {"on_failure": "stop"}, {"verify": ()}])
async def test_only_a_playbook_that_allows_it_is_ordered(desk: OrderDesk, more: dict[str, Any]) -> None:
    desk.parts = replace(desk.parts, playbooks=(replace(BOOK, **more),))
    await desk.slash("U0ONCALL1", "tier auto")
    if desk.chat.views:
        await desk.submit("U0ONCALL1", FORM)
    assert desk.store.read(lambda tx: tx.orders(tuple(OrderState))) == []


async def test_drafting_is_for_the_group(desk: OrderDesk) -> None:
    for who in ("U0OUTSIDER", "U0GUEST"):
        await desk.slash(who, "tier auto")
        assert desk.chat.views == []
        assert desk.whisper()


async def test_the_form_is_one_that_slack_takes(desk: OrderDesk) -> None:
    await desk.slash("U0ONCALL1", "tier auto fix shop")
    assert view_faults(desk.chat.views[-1][1]) == []


async def test_tighter_bounds_are_kept(desk: OrderDesk) -> None:
    await desk.fill(
        bounds="kubectl/rollout-undo.to_revision=3-7, pods=12", targets="k8s.deployment:production/shop"
    )
    order = desk.row().order
    assert order.bounds == {"kubectl/rollout-undo.to_revision": (3, 7)}
    assert order.blast_radius["pods"] == 12
    assert "k8s.deployment:production/shop" in order_text(order.content)


@pytest.mark.parametrize("way", ["button", "words", "mention"])
async def test_anybody_of_the_group_revokes(desk: OrderDesk, way: str) -> None:
    await desk.fill()
    await desk.sign("U0ONCALL2")
    await desk.sign("U0ONCALL3")
    if way == "button":
        await desk.click("U0ONCALL1", desk.shown(), "order_revoke")
    elif way == "words":
        await desk.slash("U0ONCALL1", "orders revoke so-1")
    else:
        await desk.mention("U0ONCALL1", "orders revoke SO-1")
    assert desk.row().state is OrderState.REVOKED
    desk.post_orders()
    assert "revoked" in desk.shown().text


async def test_an_unreadable_group_stops_nobody_from_revoking_an_outsider_is_stopped(desk: OrderDesk) -> None:
    await desk.fill()
    await desk.click("U0OUTSIDER", desk.shown(), "order_revoke")
    assert desk.row().state is OrderState.DRAFTED
    del desk.chat.groups["oncall"]
    await desk.click("U0ONCALL2", desk.shown(), "order_revoke")
    assert desk.row().state is OrderState.REVOKED


async def test_words_lower_the_tier_and_never_sign(desk: OrderDesk) -> None:
    await desk.fill()
    await desk.slash("U0OUTSIDER", "tier observe service shop")
    (row,) = desk.store.read(lambda tx: tx.tiers(()))
    assert (row.scope, row.tier) == ("service:shop", "observe")
    await desk.slash("U0OUTSIDER", "tier supervised service shop")  # Raising is for the group.
    assert desk.store.read(lambda tx: tx.tiers(()))[0].tier == "observe"
    await desk.mention("U0ONCALL1", "tier supervised service shop")  # And never for words in a channel.
    assert desk.store.read(lambda tx: tx.tiers(()))[0].tier == "observe"
    await desk.slash("U0ONCALL1", "tier supervised service shop")
    assert desk.store.read(lambda tx: tx.tiers(()))[0].tier == "observe"
    assert view_faults(desk.chat.views[-1][1]) == []
    await desk.submit("U0OUTSIDER", {})
    assert desk.store.read(lambda tx: tx.tiers(()))[0].tier == "observe"
    await desk.submit("U0ONCALL1", {})
    assert desk.store.read(lambda tx: tx.tiers(()))[0].tier == "supervised"
    for words in ("orders sign SO-1", "approve SO-1", "orders approve SO-1", "tier auto SO-1", "sign SO-1"):
        await desk.mention("U0ONCALL2", words)
    assert desk.store.read(lambda tx: tx.signatures(desk.row().hash)) == []


async def test_orders_are_listed(desk: OrderDesk) -> None:
    await desk.slash("U0ONCALL1", "orders")
    assert "no standing order" in desk.whisper()
    await desk.fill()
    await desk.slash("U0ONCALL1", "orders")
    assert "SO-1 drafted" in desk.whisper()


async def test_a_file_that_is_another_by_now_is_said_to_be_so_before_it_is_signed(desk: OrderDesk) -> None:
    await desk.fill()
    desk.parts = replace(desk.parts, playbooks=(replace(BOOK, digest="e" * 64),))
    await desk.click("U0ONCALL2", desk.shown(), "order_sign")
    _, view = desk.chat.views[-1]
    assert "is not the one that this order names" in str(view["blocks"])
