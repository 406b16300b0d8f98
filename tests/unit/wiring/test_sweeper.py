"""A sweep makes good what was lost, piece by piece: a damaged row stops no other piece, pokes do not pile up."""

from sqlalchemy import text

from bot.adapters.queue.inline import InlineQueue
from bot.adapters.store.sql import SqlStore
from bot.domain.errors import Retryable
from bot.domain.records import TaskKind
from bot.ports import Transaction
from bot.wiring.sweeper import KEPT_S, LONGEST_AGAIN_S, TIDY_S, Sweeper

START = 1_800_000_000.0


class HandClock:
    """Stands still until it is moved."""

    at = START

    def now(self) -> float:
        return self.at


class Poked:
    """A queue that may be away; keeps what was poked."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, int]] = []
        self.away = False
        self._inline = InlineQueue(
            {
                "bot.jobs.work": lambda row: self.rows.append(("work", row)),
                "bot.jobs.correlate": lambda row: self.rows.append(("correlate", row)),
            }
        )

    def poke(self, function: str, row_id: int) -> None:
        if self.away:
            reason = "the queue is away"
            raise Retryable(reason)
        self._inline.poke(function, row_id)


def swept(store: SqlStore) -> tuple[Sweeper, Poked, HandClock]:
    queue, clock = Poked(), HandClock()
    return Sweeper(store, queue, clock, "web", 300.0), queue, clock


def test_ten_minutes_without_a_worker_leave_no_mountain_of_pokes(store: SqlStore) -> None:
    sweeper, queue, clock = swept(store)
    task = store.transact(lambda tx: tx.add_task(TaskKind.REVIEW, "i", "declared", due_at=START))
    for _ in range(600):
        clock.at += 1.0
        sweeper.sweep()
    assert {row for _, row in queue.rows} == {task}
    assert 60 <= len(queue.rows) <= 600 / LONGEST_AGAIN_S + 10


def test_what_the_queue_lost_is_poked_again_at_once(store: SqlStore) -> None:
    sweeper, queue, clock = swept(store)
    task = store.transact(lambda tx: tx.add_task(TaskKind.REVIEW, "i", "declared", due_at=START))
    queue.away = True
    for _ in range(30):
        clock.at += 1.0
        sweeper.sweep()
    queue.away = False
    clock.at += 1.0
    sweeper.sweep()
    assert queue.rows == [("work", task)]
    clock.at -= 600.0
    store.transact(lambda tx: tx.add_task(TaskKind.REVIEW, "i", "again", due_at=clock.at - 5))
    sweeper.sweep()
    assert len(queue.rows) == 2


def test_a_payload_that_does_not_open_stops_no_other_work(store: SqlStore) -> None:
    sweeper, queue, clock = swept(store)
    store.transact(lambda tx: tx.add_raw("prod", "alertmanager", b"{}", received_at=START))
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE raw_bodies SET sealed = X'00'"))
    task = store.transact(lambda tx: tx.add_task(TaskKind.REVIEW, "i", "declared", due_at=START))
    clock.at += 5.0
    sweeper.sweep()
    assert queue.rows == [("correlate", 0), ("work", task)]
    assert store.read(lambda tx: tx.beats()) == {"web": clock.at}


def test_a_part_that_fails_keeps_no_other_from_running(store: SqlStore) -> None:
    sweeper, queue, clock = swept(store)
    with store.engine.begin() as connection:
        connection.execute(text("DROP TABLE incidents"))
    task = store.transact(lambda tx: tx.add_task(TaskKind.REVIEW, "i", "declared", due_at=START))
    clock.at += 5.0
    sweeper.sweep()
    assert queue.rows == [("work", task)]


def test_raw_payloads_are_kept_for_seven_days(store: SqlStore) -> None:
    sweeper, _, clock = swept(store)

    def fill(tx: Transaction) -> None:
        ids = [tx.add_raw("prod", "alertmanager", b"{}", received_at=START) for _ in range(3)]
        tx.settle_raw(ids)

    def kept() -> int:
        with store.engine.connect() as connection:
            return int(connection.execute(text("SELECT count(*) FROM raw_bodies")).scalar_one())

    store.transact(fill)
    clock.at += KEPT_S - 5
    sweeper.sweep()
    assert kept() == 3
    clock.at += TIDY_S
    sweeper.sweep()
    assert kept() == 1


def test_between_two_sweeps_only_what_waits_too_long_is_poked(store: SqlStore) -> None:
    sweeper, queue, clock = swept(store)
    task = store.transact(lambda tx: tx.add_task(TaskKind.REVIEW, "i", "declared", due_at=START + 10.0))
    for expected in ([], [("work", task)], [("work", task)]):
        sweeper._poke_overdue(clock.at)
        assert queue.rows == expected
        clock.at += 11.0 if not expected else 0.1
    store.transact(lambda tx: tx.add_raw("prod", "alertmanager", b"{}", received_at=clock.at - 2.0))
    sweeper._poke_overdue(clock.at)
    assert queue.rows[-1] == ("correlate", 0)
