"""When the next message is due, asked ten times a second: the row is read only where something was committed meanwhile.

SQLite counts the commits of all processes. A connection of our own reads that number and, where it changed, the row, which
together costs a tenth of a reading transaction. Every other database is asked in one.
"""

import sqlite3
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, Select
from sqlalchemy.exc import SQLAlchemyError


class Glance:
    """For one thread. `row` gives one number or NULL; `read` gives the same in a transaction, with its errors."""

    def __init__(self, engine: Engine, row: Select[Any], read: Callable[[], float | None]) -> None:
        self._engine = engine
        self._read = read
        self._counts = engine.dialect.name == "sqlite"
        self._row = str(row.compile(dialect=engine.dialect, compile_kwargs={"literal_binds": True}))
        self._connection: Any = None
        self._commits: int | None = None
        self._at: float | None = None

    def __call__(self) -> tuple[bool, float | None]:
        """Whether anything may have been committed since the last call, and the number; raises Retryable."""
        if not self._counts:
            return True, self._read()
        try:
            return self._looked()
        except (sqlite3.Error, SQLAlchemyError):
            self._connection = self._commits = None
            return True, self._read()

    def _looked(self) -> tuple[bool, float | None]:
        if self._connection is None:
            self._connection = self._opened()
        (commits,) = self._connection.execute("PRAGMA data_version").fetchone()
        changed = commits != self._commits
        if changed:
            # A commit between the two is seen now and counted next time, which costs one look more.
            (self._at,) = self._connection.execute(self._row).fetchone()
            self._commits = commits
        return changed, self._at

    def _opened(self) -> Any:
        """A connection outside the pool, so that nobody waits for this one, and no commit of ours is made on it."""
        pooled = self._engine.raw_connection()
        own = pooled.driver_connection
        pooled.detach()
        return own
