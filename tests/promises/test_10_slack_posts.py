"""Promise 10: no Slack post lost, none doubled unrepaired, each thread in its order, whatever Slack does to the calls.

Refused with a wait, 5xx, a hang of ten seconds, lost before, lost after, killed after, and an outage of half an hour.
"""

import random
from collections.abc import Callable
from typing import Any

import pytest

from bot.adapters.chat.memory import MemoryChat
from bot.adapters.store.sql import SqlStore
from bot.domain.errors import Retryable, Undecided
from bot.domain.incident import Severity
from bot.domain.records import MessageKind
from bot.pipeline.declare import declare_by_hand
from bot.ports import Transaction
from bot.slack.outbox import Outbox
from tests.promises.conftest import Tally
from tests.slack.clock import HandClock

FULL = 150
AT_ONCE = 20
KINDS = (MessageKind.CARD, MessageKind.EVIDENCE, MessageKind.PROPOSAL)
OUTAGE_S = 1800.0
TROUBLES = ("wait", "before", "500", "hang", "after", "killed", "", "", "", "")


class Killed(BaseException):
    """The process ends between Slack's answer and our commit."""


class UnwellChat(MemoryChat):
    """Posts fail at random; until `back_at` every one fails, and so does reading back."""

    def __init__(self, clock: HandClock, seeded: random.Random, back_at: float) -> None:
        super().__init__(clock, groups={"oncall": ("U0ONCALL1",)})
        self.hand = clock
        self.seeded = seeded
        self.back_at = back_at

    def find_post(self, **given: Any) -> str | None:
        self._away()
        return super().find_post(**given)

    def _away(self) -> None:
        if self.hand.now() < self.back_at:
            reason = "Slack is away"
            raise Retryable(reason, delay_s=self.seeded.choice((1.0, 10.0, 30.0)))

    def post(self, **given: Any) -> str:
        self._away()
        trouble = self.seeded.choice(TROUBLES)
        if trouble == "wait":
            reason = "ratelimited"
            raise Retryable(reason, delay_s=3.0)
        if trouble == "hang":
            self.hand.forward(10.0)
        if trouble in ("before", "500", "hang"):
            raise Undecided(trouble)
        ts = super().post(**given)
        if trouble == "after":
            raise Undecided(trouble)
        if trouble == "killed":
            raise Killed
        return ts


def plant(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sender that never looks before it posts again."""
    monkeypatch.setattr(Outbox, "_read_back", lambda _self, _job: None)


@pytest.mark.timeout(600)
def test_every_message_is_there_once(promise: Callable[[int], Tally], store: SqlStore) -> None:
    tally, seeded = promise(10), random.Random(10)
    clock = HandClock()  # One for all, since time does not run back for the leases in the store.
    count = tally.size(FULL // len(KINDS), least=8)
    for first in range(0, count, AT_ONCE):
        out_s = OUTAGE_S if first == 0 else 0.0
        _judge(
            tally, store, clock, seeded, [f"i{at}" for at in range(first, min(first + AT_ONCE, count))], out_s
        )


def _judge(
    tally: Tally, store: SqlStore, clock: HandClock, seeded: random.Random, incidents: list[str], out_s: float
) -> None:
    """Send what some incidents want through an unwell Slack, and look at what is there in the end."""
    chat = UnwellChat(clock, seeded, clock.now() + out_s)
    for incident in incidents:
        store.transact(lambda tx, incident=incident: _want(tx, incident, clock.now()))  # type: ignore[misc]
    holder, outbox = 0, _sender(store, chat, clock, 0)
    clock.forward(11)  # The lease of the sender before is over.
    for _ in range(40 * len(incidents) + 400):
        try:
            outbox.send_due()
        except Killed:
            holder += 1
            outbox = _sender(store, chat, clock, holder)
            clock.forward(11)
        clock.forward(15 if clock.now() < chat.back_at else 1)
        if not store.read(lambda tx: tx.due_messages(now=clock.now() + 1e6, limit=1)):
            break
    for incident in incidents:
        for kind in KINDS:
            message = store.read(lambda tx, incident=incident, kind=kind: tx.message(incident, kind))  # type: ignore[misc]
            assert message is not None
            shown = [post for post in chat.posts if post.dedupe == f"{store.tenant}:{incident}:{message.id}"]
            tally.check(
                len(shown) == 1 and message.ts == shown[0].ts, f"{incident} {kind.value}: {len(shown)} posts"
            )
        root, *replies = [post for post in chat.posts if f":{incident}:" in post.dedupe]
        ordered = root.thread_ts == "" and all(reply.thread_ts == root.ts for reply in replies)
        tally.check(ordered, f"{incident}: the card is not first")
        numbers = [int(reply.dedupe.rpartition(":")[2]) for reply in replies]
        tally.check(numbers == sorted(numbers), f"{incident}: the thread is out of order: {numbers}")


def _sender(store: SqlStore, chat: MemoryChat, clock: HandClock, number: int) -> Outbox:
    return Outbox(store, chat, clock, "C0ALERTS", "oncall", "S0ONCALL", f"web-{number}")


def _want(tx: Transaction, incident: str, now: float) -> None:
    declare_by_hand(
        tx, incident=incident, title="x", severity=Severity.SEV3, by="U0ONCALL1", now=now, observe_only=False
    )
    for kind in KINDS:
        tx.want_message(incident, kind, now=now)
