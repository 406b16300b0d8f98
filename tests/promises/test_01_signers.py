"""Promise 1, signatures: a standing order counts only with two people of the group who did not draft it.

Every kind of account, in every place, with the group readable or not, tries to be the second signer of a draft.
"""

import random
from collections.abc import Callable
from dataclasses import replace
from itertools import count, product
from typing import Any

import pytest

from bot.adapters.chat.memory import MemoryChat
from bot.adapters.store.sql import SqlStore
from bot.domain.gate import Click, Verb
from bot.domain.identity import Identity, IdentityKind
from bot.domain.order_rules import Stored, unauthentic
from bot.domain.records import MessageKind
from bot.domain.standing_order import OrderState
from bot.pipeline import order_desk
from bot.pipeline.order_desk import Signing, Wish, draft, sign
from tests.gate_stage import CARD_TS, GROUP, HOME, KEY, ROOM, START, Now, person
from tests.gate_table import IDENTITIES, ME, PLACES
from tests.promises.conftest import Tally
from tests.unit.pipeline.execution_scene import plan_of, undo
from tests.unit.pipeline.order_scene import auto_playbook

GROUPS = ("a member of it", "not a member", "unreadable")
WHO = (*IDENTITIES, "the drafter", "the first signer")
CASES = list(product(WHO, PLACES, GROUPS))
BOOK = auto_playbook(plan_of([undo("shop")]))
DRAFTER, FIRST = "U0DRAFTER", "U0FIRST"
_NUMBERS = count(1)


def plant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody is taken for a member whom nobody needs to look up."""
    monkeypatch.setattr(order_desk, "identity_of", lambda _user: Identity(ME, HOME, IdentityKind.MEMBER))
    monkeypatch.setattr(order_desk, "_RULES", ())


@pytest.mark.timeout(600)
def test_nobody_else_puts_an_order_in_force(store: SqlStore, promise: Callable[[int], Tally]) -> None:
    tally, seeded = promise(1), random.Random(103)
    for case in seeded.sample(CASES, tally.size(len(CASES), least=60)):
        who, where, group = case
        may = (who, where, group) == ("member", "the card", "a member of it")
        order, means = drafted(store, group, who)
        sign(signing(store, order, FIRST, {}), replace(means, chat=chat_with("a member of it", who)))
        user = {"the drafter": DRAFTER, "the first signer": FIRST, "slackbot": "USLACKBOT"}.get(who, ME)
        sign(signing(store, order, user, PLACES[where][0]), means)
        row = store.read(lambda tx, name=order: tx.order(name))
        assert row is not None
        signatures = store.read(lambda tx, name=row.hash: tx.signatures(name))
        counts = unauthentic(Stored(row, signatures, KEY, "main")) is None
        tally.check((row.state is OrderState.LIVE) is may, f"{case}: the order is {row.state}")
        tally.check(counts is may, f"{case}: the signatures count: {counts}")


def chat_with(group: str, who: str) -> MemoryChat:
    user = "USLACKBOT" if who == "slackbot" else ME
    people = {DRAFTER: person(DRAFTER), FIRST: person(FIRST)}
    people[user] = dict(IDENTITIES.get(who, (person(ME), None))[0])
    chat = MemoryChat(Now(), people=people, channels={ROOM: "alerts"})
    if group != "unreadable":
        chat.groups[GROUP] = (DRAFTER, FIRST, *((user,) if group == "a member of it" else ()))
    return chat


def drafted(store: SqlStore, group: str, who: str) -> tuple[str, Signing]:
    """A new draft whose message is posted, and what signing is decided with."""

    def work(tx: Any) -> str:
        wish = Wish(BOOK.id, ("shop",))
        nonce = f"n{next(_NUMBERS)}"
        made = draft(tx, wish, tenant="main", by=DRAFTER, playbooks=[BOOK], now=START, nonce=nonce)
        message = tx.message(made.order, MessageKind.ORDER)
        tx.place_message(message.id, channel=ROOM, thread_ts="")
        tx.sent_message(message.id, ts=CARD_TS, revision=1, next_at=START, now=START)
        return made.order

    means = Signing(store, chat_with(group, who), Now(), KEY, GROUP, HOME, [BOOK])
    return store.transact(work), means


def signing(store: SqlStore, order: str, user: str, changes: dict[str, Any]) -> Click:
    row = store.read(lambda tx: tx.order(order))
    assert row is not None
    click = Click(
        user=user, team=HOME, channel=ROOM, message_ts=CARD_TS, plan_hash=row.hash, incident=order, verb=Verb.APPROVE, at=START
    )  # fmt: skip
    return replace(click, **changes)
