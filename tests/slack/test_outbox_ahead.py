"""A card that waits for the rest of its storm has its channel and its doubt beforehand, and is sent once all the same."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from bot.adapters.chat.memory import MemoryChat
from bot.adapters.store.sql import SqlStore
from bot.domain.incident import Severity
from bot.domain.records import Message, MessageKind
from bot.pipeline.grade import grade
from bot.pipeline.regroup import merge
from bot.slack.outbox import Outbox
from tests.slack.clock import HandClock
from tests.slack.test_outbox import declare, drain, sender


@dataclass
class WatchedChat(MemoryChat):
    """A workspace that counts how often it was asked for an earlier post."""

    asked: int = 0

    def find_post(self, *, channel: str, thread_ts: str, dedupe: str) -> str | None:
        self.asked += 1
        return super().find_post(channel=channel, thread_ts=thread_ts, dedupe=dedupe)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def chat(clock: HandClock) -> WatchedChat:
    return WatchedChat(clock, groups={"oncall": ("U0ONCALL1",)})


def ahead(store: SqlStore, clock: HandClock, chat: WatchedChat, severity: Severity) -> Outbox:
    """A sender that has prepared the card of an incident, which is due in two seconds."""
    declare(store, clock, severity)
    with store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE messages SET next_at = ?", (clock.now() + 2.0,))
    first = sender(store, chat, clock, "web-1")  # type: ignore[arg-type]  # Any chat will do.
    assert first.prepare()
    assert not chat.posts
    assert first.send_due() == 0
    return first


def card(store: SqlStore) -> Message:
    found = store.read(lambda tx: tx.message("i1", MessageKind.CARD))
    assert found is not None
    return found


def test_what_is_prepared_needs_one_call(store: SqlStore, clock: HandClock, chat: WatchedChat) -> None:
    first = ahead(store, clock, chat, Severity.SEV1)
    (own,) = (room for room, name in chat.channels.items() if name.startswith("inc-1-"))
    assert (card(store).in_doubt, card(store).channel) == (True, own)
    clock.forward(2.0)
    assert first.send_due() == 2, "the card and its line in #alerts"
    assert [post.channel for post in chat.posts] == [own, "C0ALERTS"]
    assert chat.asked == 0
    assert len(chat.channels) == len({*chat.channels.values()})
    assert not card(store).in_doubt


def test_a_place_that_may_still_change_is_not_written_down(
    store: SqlStore, clock: HandClock, chat: WatchedChat
) -> None:
    first = ahead(store, clock, chat, Severity.SEV3)
    assert not card(store).in_doubt
    clock.forward(2.0)
    assert first.send_due() == 1


def test_whoever_comes_after_a_crash_asks_first(store: SqlStore, clock: HandClock, chat: WatchedChat) -> None:
    ahead(store, clock, chat, Severity.SEV1)
    clock.forward(12.0)
    drain(sender(store, chat, clock, "web-2"), clock, 10)  # type: ignore[arg-type]  # Any chat will do.
    assert chat.asked == 1
    assert len(chat.posts) == 2


@pytest.mark.parametrize("back", [False, True])
def test_what_another_sender_did_meanwhile_counts(
    store: SqlStore, clock: HandClock, chat: WatchedChat, *, back: bool
) -> None:
    first = ahead(store, clock, chat, Severity.SEV1)
    clock.forward(12.0)
    second = sender(store, chat, clock, "web-2")  # type: ignore[arg-type]  # Any chat will do.
    assert second.lead()
    if back:  # It led, did nothing, and is gone: what it may have posted must be asked for.
        clock.forward(12.0)
    drain(first, clock, 9)
    drain(second, clock, 30)
    drain(first, clock, 30)
    assert len(chat.posts) == 2
    assert chat.asked == 1


def test_a_cut_answer_is_asked_for_though_the_doubt_came_early(
    store: SqlStore, clock: HandClock, chat: WatchedChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ahead(store, clock, chat, Severity.SEV1)
    clock.forward(2.0)
    post = chat.post

    def cut(**given: object) -> str:
        post(**given)  # type: ignore[arg-type]  # As it was called.
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(chat, "post", cut)
    with pytest.raises(KeyboardInterrupt):
        first.send_due()
    drain(first, clock, 10)
    assert chat.asked == 1
    assert len(chat.posts) == 2


def test_an_incident_that_moved_meanwhile_is_told_where_it_is(
    store: SqlStore, clock: HandClock, chat: WatchedChat
) -> None:
    first = ahead(store, clock, chat, Severity.SEV1)
    store.transact(lambda tx: grade(tx, "i1", Severity.SEV4, reason="a person said so", now=clock.now()))
    drain(first, clock, 60)
    message = card(store)
    assert message.ts
    assert sum(post.ts == message.ts for post in chat.posts) == 1
    assert len({post.dedupe for post in chat.posts}) == len(chat.posts)


@dataclass
class MeanwhileChat(WatchedChat):
    """A workspace in whose first call something else happens."""

    meanwhile: Callable[[], None] = lambda: None

    def post(self, **given: Any) -> str:
        work, self.meanwhile = self.meanwhile, lambda: None
        work()
        return super().post(**given)


def test_what_is_merged_away_while_others_are_sent_is_not_posted(store: SqlStore, clock: HandClock) -> None:
    for name in ("i1", "i2"):
        declare(store, clock, name=name)

    def merged() -> None:
        rows = store.read(lambda tx: list(tx.open_incidents()))
        assert store.transact(lambda tx: merge(tx, rows[0], rows[1], reason="one", by="", now=clock.now()))

    busy = MeanwhileChat(clock, groups={"oncall": ("U0ONCALL1",)}, meanwhile=merged)
    drain(sender(store, busy, clock, "web-1"), clock, 30)  # type: ignore[arg-type]  # Any chat will do.
    assert [post.channel for post in busy.posts] == ["C0ALERTS"]
    assert store.read(lambda tx: tx.incident_row("i2").thread_ts) == ""  # type: ignore[union-attr]


def test_a_clock_that_is_set_back_keeps_no_news_from_a_card(
    store: SqlStore, clock: HandClock, chat: WatchedChat
) -> None:
    declare(store, clock, Severity.SEV3)
    outbox = sender(store, chat, clock, "web-1")  # type: ignore[arg-type]  # Any chat will do.
    drain(outbox, clock, 5)
    clock.forward(-3600.0)
    store.transact(lambda tx: grade(tx, "i1", Severity.SEV4, reason="less", now=clock.now()))
    store.transact(lambda tx: tx.want_message("i1", MessageKind.CARD, now=clock.now()))
    drain(outbox, clock, 15)
    assert card(store).sent == card(store).wanted
