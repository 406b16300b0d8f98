"""What is run before the first job leaves no row behind, and trouble in it stops nobody."""

from pathlib import Path

from sqlalchemy import func, select

from bot.adapters.store import schema
from bot.adapters.store.sql import SqlStore, open_engine
from bot.wiring.parts import SystemClock, new_id
from bot.wiring.warm import warm


def rows(store: SqlStore) -> dict[str, int]:
    with store.engine.connect() as connection:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in schema.metadata.sorted_tables
        }


def test_nothing_of_it_stays(store: SqlStore) -> None:
    compiled = len(store.engine._compiled_cache or ())
    before = rows(store)
    warm(store, SystemClock(), new_id)
    assert rows(store) == before
    store.close()
    assert len(store.engine._compiled_cache or ()) > compiled + 20, "it ran what an investigation runs"


def test_a_database_that_is_away_keeps_no_worker_from_starting(store: SqlStore, tmp_path: Path) -> None:
    store.close()
    store.engine = open_engine(f"sqlite:///{tmp_path}/empty.sqlite3")
    warm(store, SystemClock(), new_id)
    assert store.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
