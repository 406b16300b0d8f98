"""When the outbox looks: at once where something is due, early where a card is expected, seldom where nothing goes on."""

import threading

import pytest

from bot.adapters.store.sql import SqlStore
from bot.domain.incident import Severity
from bot.domain.records import MessageKind
from bot.pipeline.declare import declare_by_hand
from bot.slack.due import BUSY_S, EXPECTING_S, IDLE_S, LIVELY_S, REST_S, Bell, Look, Resting, jobs_due
from tests.slack.clock import HandClock


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def want(store: SqlStore, at: float, key: str = "") -> int:
    return store.transact(lambda tx: tx.want_message("i1", MessageKind.NOTICE, key=key, now=at))


def shown(store: SqlStore, message: int, at: float) -> None:
    store.transact(lambda tx: tx.sent_message(message, ts="1.1", revision=1, next_at=at, now=at))


def test_a_message_is_due_from_its_time_on(store: SqlStore, clock: HandClock) -> None:
    bell = Bell(store, clock, lambda: 1e9)
    assert (bell.look(), bell.pause_s()) == (Look.NOTHING, IDLE_S)
    message = want(store, clock.now() + 0.05)
    assert bell.look() is Look.SOON
    assert bell.look() is Look.NOTHING, "the same news is told once"
    clock.forward(0.05)
    assert bell.look() is Look.DUE
    assert bell.look() is Look.DUE
    shown(store, message, clock.now())
    assert (bell.look(), bell.pause_s()) == (Look.NOTHING, LIVELY_S)
    clock.forward(100.0)
    assert (bell.look(), bell.pause_s()) == (Look.NOTHING, IDLE_S)


def test_while_alerts_come_in_it_looks_more_often(store: SqlStore, clock: HandClock) -> None:
    bell = Bell(store, clock, lambda: 0.5)
    bell.look()
    assert bell.pause_s() == BUSY_S
    want(store, clock.now() + 2.5)
    assert bell.look() is Look.SOON
    bell.expecting = True
    assert bell.pause_s() == EXPECTING_S
    clock.forward(1.0)
    assert bell.pause_s() == BUSY_S
    want(store, clock.now(), "now")
    assert bell.look() is Look.DUE
    assert not bell.expecting


def test_it_waits_until_something_is_due_or_it_is_stopped(store: SqlStore, clock: HandClock) -> None:
    bell, stop = Bell(store, clock, lambda: 1e9), threading.Event()
    timer = threading.Timer(0.05, want, (store, clock.now()))
    timer.start()
    assert bell.wait(stop) is Look.DUE
    timer.join()
    stop.set()
    assert bell.wait(stop) is Look.NOTHING


def test_what_could_not_go_is_read_again_only_once_it_changed_or_after_a_moment(
    store: SqlStore, clock: HandClock
) -> None:
    declared = store.transact(
        lambda tx: declare_by_hand(
            tx,
            incident="i1",
            title="Down",
            severity=Severity.SEV3,
            by="U1",
            now=clock.now(),
            observe_only=True,
        )
    )
    assert declared.incident == "i1"
    resting = Resting()

    def found() -> list[MessageKind]:
        jobs, others = store.read(lambda tx: jobs_due(tx, clock.now(), resting))
        assert not others, "what rests is not somebody else's"
        return [job.message.kind for job in jobs]

    assert found() == [MessageKind.CARD]
    (card,) = store.read(lambda tx: tx.due_messages(now=clock.now(), limit=9))
    resting.rest(card, clock.now())
    assert found() == []
    store.transact(lambda tx: tx.want_message("i1", MessageKind.CARD, now=clock.now()))
    assert found() == [MessageKind.CARD]
    (card,) = store.read(lambda tx: tx.due_messages(now=clock.now(), limit=9))
    resting.rest(card, clock.now())
    resting.wake("i1")
    assert found() == [MessageKind.CARD]
    resting.rest(card, clock.now())
    clock.forward(REST_S)
    assert found() == [MessageKind.CARD]
