"""On a database with several writers: what another process commits in the middle of a transaction is not overlooked."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

import pytest

from bot.adapters.store.sql import SqlStore, open_store
from bot.domain.records import MessageKind
from bot.domain.topology import Topology
from bot.pipeline import fold, regroup
from bot.pipeline import resolve as closing
from bot.pipeline.correlate import correlate
from bot.pipeline.resolve import resolve, resolve_quiet
from bot.ports import Transaction
from bot.settings import Settings
from tests.unit.pipeline.test_correlate import NOW, alert, incidents, parts_of, post


@pytest.fixture
def database_url(postgres: Any) -> str:
    """PostgreSQL alone: SQLite lets nobody write in the middle of another's transaction."""
    postgres.psql("DROP DATABASE IF EXISTS overtaken")
    postgres.psql("CREATE DATABASE overtaken")
    return str(postgres.get_uri("overtaken"))


@pytest.fixture
def other(opened: SqlStore, settings: Callable[..., Settings], database_url: str) -> Iterator[SqlStore]:
    """Another process's store on the same database."""
    store = open_store(settings(database_url=database_url))
    assert isinstance(store, SqlStore)
    yield store
    store.close()


@dataclass
class Once:
    """Calls `work` before what it stands for, the first time."""

    real: Callable[..., Any]
    work: Callable[[], object] | None

    def __call__(self, *given: Any, **named: Any) -> Any:
        work, self.work = self.work, None
        if work is not None:
            work()
        return self.real(*given, **named)


def test_an_alert_is_not_folded_into_an_incident_that_is_closed_meanwhile(
    opened: SqlStore, other: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = parts_of(opened)
    post(opened, [alert("s00")])
    correlate(parts)
    (first,) = incidents(opened)

    def closed() -> None:
        other.transact(lambda tx: resolve(tx, first.id, reason="", by="U1", now=NOW))

    monkeypatch.setattr(fold, "_digest_of", Once(fold._digest_of, closed))
    post(opened, [alert("s01")])
    while correlate(parts).more:
        pass
    newest, _ = incidents(opened)
    assert (newest.id != first.id, newest.alerts_total, newest.services) == (True, 1, {"s01": 1})


def test_an_incident_is_not_closed_over_an_alert_that_comes_meanwhile(
    opened: SqlStore, other: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(opened, [alert("s00")])
    correlate(parts_of(opened))
    post(opened, [alert("s00", status="resolved")])
    correlate(parts_of(opened))
    (first,) = incidents(opened)

    def comes() -> None:
        post(other, [alert("s01")])
        correlate(parts_of(other))

    monkeypatch.setattr(closing, "_acting", Once(closing._acting, comes))
    assert resolve_quiet(opened, now=NOW, after_s=0.0) == []
    (row,) = opened.read(lambda tx: list(tx.open_incidents()))
    assert (row.id, row.services) == (first.id, ("s00", "s01"))


def test_an_alert_that_comes_while_its_incident_is_merged_goes_along(
    opened: SqlStore, other: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    lone = Topology({}, {"s00": "service", "s01": "service"}, NOW)
    post(opened, [alert("s00"), alert("s01")])
    correlate(parts_of(opened, lone))
    younger, older = opened.read(lambda tx: tx.all_incidents(limit=9))

    def comes() -> None:
        post(other, [alert(younger.services[0], pod="more")])
        correlate(parts_of(other, lone))

    monkeypatch.setattr(regroup, "_moved", Once(regroup._moved, comes))
    opened.transact(lambda tx: regroup.merge(tx, older, younger, reason="one", by="", now=NOW))
    assert opened.read(lambda tx: tx.firing_count(older.id)) == 3
    assert [one.alerts_total for one in incidents(opened) if one.state.open] == [3]


def test_a_card_that_is_about_to_be_posted_is_not_withdrawn(opened: SqlStore, other: SqlStore) -> None:
    post(opened, [alert("s00")])
    correlate(parts_of(opened))
    (first,) = incidents(opened)
    card = opened.read(lambda tx: tx.message(first.id, MessageKind.CARD))
    assert card is not None

    def about_to_post(tx: Transaction) -> Future[bool]:
        tx.doubt_message(card.id)
        withdrawn = elsewhere.submit(other.transact, lambda own: own.withdraw_unseen(first.id))
        wait([withdrawn], timeout=0.2)
        return withdrawn

    with ThreadPoolExecutor(1) as elsewhere:
        assert opened.transact(about_to_post).result(5) is False
    due = opened.read(lambda tx: tx.due_messages(now=NOW, limit=9))
    assert [one.id for one in due if one.kind is MessageKind.CARD] == [card.id]
