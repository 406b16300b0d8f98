"""When the next message is due, at a glance: whoever committed, on whatever connection, in whatever database."""

import subprocess
import sys
from pathlib import Path

import pytest

from bot.adapters.store.glance import Glance
from bot.adapters.store.parts.outbox import next_message
from bot.adapters.store.sql import SqlStore, open_engine
from bot.domain.errors import Retryable
from bot.domain.plan import PlanState
from bot.domain.records import MessageKind, TaskKind
from tests.unit.domain.test_gate import a_plan


def want(store: SqlStore, at: float, key: str = "") -> int:
    return store.transact(lambda tx: tx.want_message("i1", MessageKind.NOTICE, key=key, now=at))


def test_the_soonest_of_those_that_are_not_shown(opened: SqlStore) -> None:
    glance = opened.next_message()
    assert glance()[1] is None
    first, second = want(opened, 7.0, "a"), want(opened, 5.0, "b")
    assert glance() == (True, 5.0)
    for message in (second, first):
        opened.transact(
            lambda tx, message=message: tx.sent_message(message, ts="1.1", revision=1, next_at=9.0, now=6.0)  # type: ignore[misc]
        )
        assert glance() == (True, 7.0 if message == second else None)


def test_without_a_commit_nothing_is_read(store: SqlStore) -> None:
    glance = store.next_message()
    assert glance()[0], "before the first look anything may have happened"
    assert glance() == (False, None)
    want(store, 5.0)
    assert glance() == (True, 5.0)
    store.read(lambda tx: tx.beats())
    assert glance() == (False, 5.0)


def test_a_commit_of_another_process_is_seen(store: SqlStore) -> None:
    want(store, 5.0)
    glance = store.next_message()
    glance()
    file = store.engine.url.database
    words = f"import sqlite3; c = sqlite3.connect({file!r}); c.execute('UPDATE messages SET next_at = 3'); c.commit()"
    subprocess.run([sys.executable, "-c", words], check=True)
    assert glance() == (True, 3.0)


def test_a_database_that_cannot_be_opened_is_said_like_everywhere(tmp_path: Path) -> None:
    (tmp_path / "folder.db").mkdir()
    store = SqlStore(open_engine(f"sqlite:///{tmp_path}/folder.db"), "main", None)  # type: ignore[arg-type]  # Nothing is sealed.
    glance = store.next_message()
    for _ in range(2):
        with pytest.raises(Retryable):
            glance()


def test_after_an_error_it_asks_anew(store: SqlStore) -> None:
    glance = Glance(store.engine, next_message("main"), lambda: 4.0)
    glance()
    glance._connection.close()
    assert glance() == (True, 4.0)
    want(store, 2.0)
    assert glance() == (True, 2.0)


def test_from_when_a_plan_may_be_claimed(opened: SqlStore) -> None:
    """At once where it is granted, at the end of its lease where somebody runs it, and never where it has ended."""
    glance = opened.next_plan()
    assert glance() == (True, None)
    plan = a_plan()
    opened.transact(lambda tx: tx.add_plan(plan))
    assert glance() == (True, None)
    opened.transact(lambda tx: tx.move_plan(plan.hash, to=PlanState.GRANTED, frm=(PlanState.PROPOSED,)))
    assert glance() == (True, 0.0)
    epoch = opened.transact(lambda tx: tx.claim_plan(plan.hash, holder="h", now=100.0, lease_s=20.0))
    assert glance() == (True, 120.0)
    opened.transact(lambda tx: tx.finish_plan(plan.hash, to=PlanState.DONE, epoch=epoch or 0))
    assert glance() == (True, None)


def test_since_when_work_waits(opened: SqlStore) -> None:
    """A payload from when it came, a task from when it is due; neither once it is done."""
    glance = opened.next_work()
    assert glance()[1] is None
    task = opened.transact(lambda tx: tx.add_task(TaskKind.REVIEW, "i1", "declared", due_at=50.0))
    assert glance() == (True, 50.0)
    raw = opened.transact(lambda tx: tx.add_raw("prod", "alertmanager", b"{}", received_at=20.0))
    assert glance() == (True, 20.0)
    opened.transact(lambda tx: tx.settle_raw([raw]))
    claimed = opened.transact(lambda tx: tx.claim_task(task, now=60.0, lease_s=30.0))
    assert glance() == (True, 90.0)
    assert claimed is not None
    opened.transact(lambda tx: tx.finish_task(claimed))
    assert glance() == (True, None)


def test_what_was_shown_long_ago_is_not_read(store: SqlStore) -> None:
    """A history of messages makes no look longer: the index holds only those that are not shown yet."""
    text = str(next_message("main").compile(store.engine, compile_kwargs={"literal_binds": True}))
    with store.engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}").all()
    assert ["ix_messages_unshown" in str(step) for step in plan] == [True]
