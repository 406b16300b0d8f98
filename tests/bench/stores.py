"""A store on a fresh SQLite file with the durability of production (WAL, FULL)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bot.adapters.store.migrate import bring_up_to_date
from bot.adapters.store.parts.base import Keys
from bot.adapters.store.sealing import Sealer
from bot.adapters.store.sql import SqlStore, open_engine


@contextmanager
def fresh_store() -> Iterator[SqlStore]:
    """Open, hand out, close, remove."""
    with TemporaryDirectory(prefix="watchkeeper-bench-") as folder:
        engine = open_engine(f"sqlite:///{folder}/bench.sqlite3")
        bring_up_to_date(engine, Path(folder))
        store = SqlStore(engine, "main", Keys(b"a" * 32, Sealer(b"s" * 32)))
        yield store
        store.close()
