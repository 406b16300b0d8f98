"""A person who clicked gets an answer: while Slack fails, asks to wait, loses its reply, or hangs for somebody else."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bot.adapters.chat.memory import MemoryChat
from bot.domain.errors import Permanent, Retryable, Undecided, WatchkeeperError
from bot.slack.answers import BUDGET_S, TRIES, UNKNOWN_TRIES, Answers, Aside
from tests.slack.desk import Desk

BUSY = Retryable("chat.postEphemeral: Slack asks to wait", delay_s=20.0)
LOST = Undecided("chat.postEphemeral: Slack did not answer")
FAILED = Undecided("chat.postEphemeral: Slack failed (503)")
LONG = Retryable("chat.postEphemeral: Slack asks to wait", delay_s=90.0)
GONE = Permanent("chat.postEphemeral: user_not_in_channel")


class Troubled(MemoryChat):
    """A workspace whose private answers fail as listed; `shown` says whether a lost one was seen all the same."""

    ahead: list[WatchkeeperError]
    tried: list[float]
    shown = False

    def ephemeral(self, **given: Any) -> None:
        self.tried.append(self.clock.now())
        if not self.ahead:
            super().ephemeral(**given)
            return
        error = self.ahead.pop(0)
        if self.shown and isinstance(error, Undecided):
            super().ephemeral(**given)
        raise error


def troubled(desk: Desk, ahead: list[WatchkeeperError], *, shown: bool = False) -> Troubled:
    """The desk's workspace with trouble ahead."""
    inner = desk.chat
    chat = Troubled(desk.clock, people=inner.people, groups=inner.groups)
    chat.posts, chat.ahead, chat.tried, chat.shown = inner.posts, list(ahead), [], shown
    return chat


def answering(
    desk: Desk, chat: MemoryChat, aside: Callable[[Callable[[], None]], None] | None = None
) -> None:
    """Have the desk's answers said in that workspace."""
    said = Answers(chat, desk.clock, aside or (lambda work: work()), desk.clock.forward).say
    desk.parts = replace(desk.parts, chat=chat, say=said)


@pytest.mark.parametrize(
    ("ahead", "waits"),
    [
        ([], []),
        ([BUSY], [20.0]),
        ([BUSY, BUSY], [20.0, 20.0]),
        ([FAILED], [1.0]),
        ([LOST, FAILED], [1.0, 2.0]),
    ],
)
async def test_it_is_said_again_once_slack_takes_it(
    desk: Desk, ahead: list[WatchkeeperError], waits: list[float]
) -> None:
    chat = troubled(desk, ahead)
    answering(desk, chat)
    await desk.slash("U0ONCALL1", "status")
    assert len(chat.whispers) == 1
    begun, *later = chat.tried
    assert [at - before for before, at in zip([begun, *later], later, strict=False)] == waits


@pytest.mark.parametrize(
    ("ahead", "tries"),
    [
        ([BUSY] * 9, 4),
        ([FAILED] * 9, UNKNOWN_TRIES),
        ([LONG], 1),
        ([GONE], 1),
        ([Retryable("no")] * 9, TRIES),
    ],
)
async def test_it_is_given_up_after_a_while(desk: Desk, ahead: list[WatchkeeperError], tries: int) -> None:
    chat = troubled(desk, ahead)
    answering(desk, chat)
    await desk.slash("U0ONCALL1", "status")
    assert (chat.whispers, len(chat.tried)) == ([], tries)
    assert chat.tried[-1] - chat.tried[0] <= BUDGET_S


async def test_what_may_have_been_seen_is_repeated_twice_at_most(desk: Desk) -> None:
    chat = troubled(desk, [LOST] * 9, shown=True)
    answering(desk, chat)
    await desk.slash("U0ONCALL1", "status")
    assert len(chat.whispers) == UNKNOWN_TRIES


async def test_one_that_hangs_holds_up_no_decision_and_no_other_answer(desk: Desk) -> None:
    """The first call hangs until the other person has been heard and answered."""
    hangs, answered = threading.Event(), threading.Event()

    class Hanging(MemoryChat):
        def ephemeral(self, **given: Any) -> None:
            if given["user"] == "U0ONCALL1":
                hangs.set()
                assert answered.wait(20)
            super().ephemeral(**given)
            answered.set()

    inner = desk.chat
    chat = Hanging(desk.clock, people=inner.people, groups=inner.groups)
    answering(desk, chat, Aside(threads=2).do)
    await desk.slash("U0ONCALL1", "status")
    assert hangs.wait(20)
    assert not answered.is_set()
    await desk.slash("U0ONCALL2", "status")
    assert answered.wait(20)


class Stuck(MemoryChat):
    """A workspace that takes no private answer until `takes` is set; `opened` is set by a form, `told` by an answer."""

    takes: threading.Event
    opened: threading.Event
    told: threading.Event
    expired = False

    def ephemeral(self, **given: Any) -> None:
        assert self.takes.wait(20)
        super().ephemeral(**given)
        self.told.set()

    def open_view(self, **given: Any) -> None:
        self.opened.set()
        if self.expired:
            message = "views.open: expired_trigger_id"
            raise Permanent(message)
        super().open_view(**given)


def stuck(desk: Desk) -> Stuck:
    """The desk's workspace, where answers hang in as many threads as there are and forms have one of their own."""
    inner = desk.chat
    chat = Stuck(desk.clock, people=inner.people, groups=inner.groups)
    chat.takes, chat.opened, chat.told = threading.Event(), threading.Event(), threading.Event()
    aside, forms = Aside(threads=2).do, Aside(threads=1, name="forms").do
    say = Answers(chat, desk.clock, aside, desk.clock.forward, forms).say
    desk.parts = replace(desk.parts, chat=chat, say=say)
    return chat


async def test_a_form_waits_for_no_answer(desk: Desk) -> None:
    chat = stuck(desk)
    for _ in range(3):
        await desk.slash("U0ONCALL1", "status")
    await desk.slash("U0ONCALL2", "new payments are slow")
    assert chat.opened.wait(20)
    assert chat.whispers == []
    chat.takes.set()


async def test_what_follows_a_form_that_did_not_open_holds_up_no_other_form(desk: Desk) -> None:
    chat = stuck(desk)
    chat.expired = True
    for _ in range(2):
        chat.opened.clear()
        await desk.slash("U0ONCALL2", "new payments are slow")
        assert chat.opened.wait(20)
    assert chat.whispers == []
    chat.takes.set()
    assert chat.told.wait(20)
    assert "click again" in chat.whispers[0][2]


async def test_what_is_too_much_is_dropped_and_holds_nothing_up(desk: Desk) -> None:
    hold, done = threading.Event(), []
    aside = Aside(threads=1, most=2)
    aside.do(lambda: done.append(hold.wait(20)))
    for _ in range(50):
        aside.do(lambda: done.append(True))
    hold.set()
    last = threading.Event()
    for _ in range(200):
        aside.do(last.set)
        if last.wait(0.1):
            break
    assert 1 <= len(done) <= 4
