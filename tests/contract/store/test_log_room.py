"""Room for a storm in SQLite's log: made once, seen by nobody, and no matter on PostgreSQL."""

from collections.abc import Callable
from pathlib import Path

from sqlalchemy import inspect

from bot.adapters.store.sql import SqlStore, open_store
from bot.settings import Settings

LEAST_BYTES, MOST_BYTES = 14_000_000, 17_000_000


def test_room_for_a_storm_is_made_once_and_changes_nothing(
    settings: Callable[..., Settings], database_url: str, tmp_path: Path
) -> None:
    chosen = settings(database_url=database_url)
    store = open_store(chosen)
    assert isinstance(store, SqlStore)
    store.transact(lambda tx: tx.add_raw("s", "generic", b"before", received_at=1.0))
    with store.engine.connect() as holds, holds.begin():
        tables = inspect(holds).get_table_names()
        others = [open_store(chosen, for_storms=True) for _ in range(2)]
        others[0].transact(lambda tx: tx.add_raw("s", "generic", b"after", received_at=2.0))
        assert inspect(holds).get_table_names() == tables
    log = tmp_path / "store.sqlite3-wal"
    assert not log.exists() or LEAST_BYTES < log.stat().st_size < MOST_BYTES
    assert [raw.body for raw in store.read(lambda tx: tx.pending_raw(limit=9))] == [b"before", b"after"]
    for one in (*others, store):
        one.close()
