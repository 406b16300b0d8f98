"""Processes that start together, and deliveries that are committed together: nobody is refused for what another one does."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from sqlalchemy import text

from bot.adapters.store import sql
from bot.adapters.store.migrate import _LOCK_NUMBER
from bot.adapters.store.sql import SqlStore, open_engine, open_store
from bot.domain.authenticity import SCHEMES, Shown, replay_key
from bot.domain.records import Arrived
from bot.http.group_commit import _insert, _Waiting
from bot.settings import Settings


def test_a_migration_that_takes_long_is_waited_for(
    postgres: Any, settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    postgres.psql("CREATE DATABASE empty")
    url = str(postgres.get_uri("empty"))
    monkeypatch.setattr(sql, "_LIMITS", "-c lock_timeout=50 -c statement_timeout=60000")
    engine = open_engine(url)
    with engine.connect() as held:
        held.execute(text("SELECT pg_advisory_lock(:n)"), {"n": _LOCK_NUMBER})
        threading.Timer(0.4, held.invalidate).start()
        store = open_store(settings(database_url=url))
    store.transact(lambda tx: tx.beat("web", at=1.0))
    assert isinstance(store, SqlStore)
    store.close()
    engine.dispose()


@pytest.mark.parametrize("once", ["a\0b", "".join(map(chr, range(1, 9000)))])
def test_an_id_that_no_database_takes_stops_nobody(opened: SqlStore, once: str) -> None:
    key = replay_key(SCHEMES["bearer"], Shown({}, {}), b"{}", once)
    group = [_Waiting(Arrived("s", "k", b"{}", 1.0), one, print, 0.0) for one in ("", key, key)]
    assert opened.transact(partial(_insert, group=group)) == [True, True, False]
