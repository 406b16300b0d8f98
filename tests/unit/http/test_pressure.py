"""Nothing is acknowledged that is not durable: a locked, full, hanging or overrun database is a 503 that says when to come
again, the state is said where operators look, and everything resumes by itself."""

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import httpx
import pytest
from sqlalchemy import event

from bot.adapters.queue.inline import InlineQueue
from bot.adapters.store import sql
from bot.adapters.store.migrate import bring_up_to_date
from bot.adapters.store.parts.base import Keys
from bot.adapters.store.sealing import Sealer
from bot.adapters.store.sql import SqlStore, open_engine
from bot.domain.errors import Retryable
from bot.http import group_commit
from bot.http.conditions import TELL_AFTER_S, Conditions
from bot.ports import Transaction
from bot.wiring.correlator import OwnHands
from tests.promises.served import ALERTMANAGER_TOKEN, alert_body, served

T = TypeVar("T")
HEADERS = {"Authorization": f"Bearer {ALERTMANAGER_TOKEN}"}


@pytest.fixture
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqlStore]:
    """A store that waits for a lock a tenth of a second."""
    monkeypatch.setattr(sql, "_BUSY_TIMEOUT_S", 0.1)
    engine = open_engine(f"sqlite:///{tmp_path}/quick.sqlite3")
    bring_up_to_date(engine, tmp_path)
    yield SqlStore(engine, "main", Keys(b"a" * 32, Sealer(b"s" * 32)))
    engine.dispose()


def posted(port: int, mark: str) -> httpx.Response:
    url = f"http://127.0.0.1:{port}/alerts/alertmanager"
    return httpx.post(url, content=alert_body(mark), headers=HEADERS, trust_env=False, timeout=20)


def kept(store: SqlStore) -> int:
    return len(store.read(lambda tx: tx.pending_raw(limit=100)))


def refused(answer: httpx.Response) -> bool:
    return answer.status_code == 503 and int(answer.headers["Retry-After"]) > 0


def test_a_locked_database(quick: SqlStore, tmp_path: Path) -> None:
    with served(quick) as port, contextlib.closing(sqlite3.connect(tmp_path / "quick.sqlite3")) as stranger:
        stranger.execute("BEGIN EXCLUSIVE")
        assert refused(posted(port, "locked"))
        assert kept(quick) == 0
        stranger.rollback()
        assert posted(port, "free").status_code == 200
        assert kept(quick) == 1


def test_a_full_disk(quick: SqlStore) -> None:
    most = [1]

    @event.listens_for(quick.engine, "begin")
    def limit(connection: object) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {most[0]}")  # type: ignore[attr-defined]  # SQLAlchemy's own

    with served(quick) as port:
        found = [posted(port, f"{n}-" + "x" * 5000) for n in range(40)]
        assert refused(found[-1])
        assert kept(quick) == sum(one.status_code == 200 for one in found)
        most[0] = 1_000_000
        assert posted(port, "there is room again").status_code == 200


class Hanging:
    """A store whose commits never end until they are let go."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store
        self.free = threading.Event()
        self.tenant = store.tenant

    def transact(self, work: Callable[[Transaction], T]) -> T:
        self.free.wait(20)
        return self._store.transact(work)

    def read(self, work: Callable[[Transaction], T]) -> T:
        return self._store.read(work)


def test_a_database_that_hangs(quick: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "_LONGEST_S", 0.3)
    hanging = Hanging(quick)
    with served(hanging) as port:  # type: ignore[arg-type]  # All that the intake uses.
        assert refused(posted(port, "hangs"))
        hanging.free.set()
        assert posted(port, "again").status_code == 200
    assert kept(quick) == 2  # What was refused is kept too; it is a repeat when it comes again.


def test_more_than_may_wait(quick: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "_MOST_WAITING_BYTES", 100)
    with served(quick) as port:
        assert refused(posted(port, "too much"))
    assert kept(quick) == 0


class Away:
    """A queue whose server is gone."""

    def poke(self, function: str, row_id: int) -> None:
        message = f"no server for {function} {row_id}"
        raise Retryable(message)


def test_without_a_queue_the_correlator_works_on() -> None:
    done: list[str] = []
    OwnHands(Away(), lambda: done.append("now")).poke("bot.jobs.correlate", 0)
    assert done == ["now"]
    with pytest.raises(Retryable):
        OwnHands(Away(), lambda: None).poke("bot.jobs.work", 7)
    OwnHands(InlineQueue({"bot.jobs.correlate": lambda _row: done.append("queue")}), lambda: None).poke(
        "bot.jobs.correlate", 0
    )
    assert done == ["now", "queue"]


def test_trouble_is_told_once_and_its_end_too() -> None:
    at, said, reason, deaf = [1000.0], list[tuple[str, str]](), ["it is locked"], [False]

    def tell(key: str, words: str) -> None:
        if deaf[0]:
            message = "Slack is away too"
            raise Retryable(message)
        said.append((key, words))

    conditions = Conditions({"database": lambda: reason[0]}, tell, lambda: at[0])
    conditions.look()
    assert (conditions.wrong(), said) == ({"database": "it is locked"}, [])
    at[0] += TELL_AFTER_S
    deaf[0] = True
    conditions.look()
    deaf[0] = False
    conditions.look()
    conditions.look()
    assert len(said) == 1
    assert "it is locked" in said[0][1]
    reason[0] = ""
    conditions.look()
    assert conditions.wrong() == {}
    assert len(said) == 2
    assert "again" in said[1][1]


def test_what_needs_a_person_is_told_once_and_stays_on_healthz_while_it_lasts() -> None:
    said, lasting = list[str](), [{"log of INC-7": "The log of INC-7 cannot be read."}]
    conditions = Conditions({}, lambda _key, words: said.append(words), lambda: 0.0, lambda: lasting[0])
    conditions.look()
    conditions.look()
    assert said == ["⚠️ The log of INC-7 cannot be read."]
    assert (conditions.wrong(), list(conditions.lasts())) == ({}, ["log of INC-7"])
    lasting[0] = {}
    conditions.look()
    assert conditions.lasts() == {}
    assert len(said) == 1
