"""Whether anything was committed since one last asked, for loops that would else look at their rows ten times a second.

SQLite counts the commits of all processes; a connection of our own reads that number, which costs a twentieth of a look.
"""

import sqlite3
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError


class Commits:
    """For one thread. Where the database does not count, or cannot be asked, something may always have changed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._counts = engine.dialect.name == "sqlite"
        self._connection: Any = None
        self._seen: int | None = None

    def __call__(self) -> bool:
        """Whether something may have been committed since the last call."""
        if not self._counts:
            return True
        try:
            if self._connection is None:
                self._connection = self._opened()
            number = int(self._connection.execute("PRAGMA data_version").fetchone()[0])
        except (sqlite3.Error, SQLAlchemyError):
            self._connection = self._seen = None
            return True
        changed = number != self._seen
        self._seen = number
        return changed

    def _opened(self) -> Any:
        """A connection outside the pool, so that nobody waits for this one, and no commit of ours is made on it."""
        pooled = self._engine.raw_connection()
        own = pooled.driver_connection
        pooled.detach()
        return own
