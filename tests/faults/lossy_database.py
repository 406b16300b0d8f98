"""An SQLite store whose connection fails in the middle of things: before a statement, before a commit, or after one.

The faults come from below the driver, so that the adapter itself must translate them and leave nothing half done.
"""

import sqlite3
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Connection, event
from sqlalchemy.exc import OperationalError

from bot.adapters.store.parts.base import Keys
from bot.adapters.store.sql import SqlStore, open_engine
from bot.domain.errors import Retryable
from bot.ports import Transaction
from tests.faults.faulty import Dice

T = TypeVar("T")
LOST = "the connection was lost"
# A long transaction would never come through whole, so that this many tries of one work fail at most.
MOST_FAILURES = 4


class LossyStore(SqlStore):
    """Its caller comes again, as every loop of the product does; with `after`, a lost commit may have happened."""

    def __init__(self, url: str, keys: Keys, dice: Dice, *, after: bool = False) -> None:
        super().__init__(open_engine(url), "main", keys)
        self.dice, self.after = dice, after
        self.again = 0
        self._here = threading.local()
        event.listen(self.engine, "do_execute", self._statement)
        event.listen(self.engine, "do_executemany", self._statement)
        event.listen(self.engine, "do_execute_no_params", self._bare_statement)
        event.listen(self.engine, "commit", self._commit)

    def transact(self, work: Callable[[Transaction], T]) -> T:
        return self._until_it_holds(lambda: super(LossyStore, self).transact(work))

    def read(self, work: Callable[[Transaction], T]) -> T:
        return self._until_it_holds(lambda: super(LossyStore, self).read(work))

    def _until_it_holds(self, ask: Callable[[], T]) -> T:
        for failed in range(MOST_FAILURES + 1):
            self._here.may_fail = failed < MOST_FAILURES
            try:
                return ask()
            except Retryable:
                self.again += 1
            finally:
                self._here.may_fail = False
        raise AssertionError(LOST)

    def _fails(self) -> bool:
        """Only in the store's own calls: a test that looks at the tables itself sees them."""
        return getattr(self._here, "may_fail", False) and self.dice.fails()

    def _statement(self, _cursor: Any, _text: str, _parameters: Any, _context: Any) -> None:
        if self._fails():
            raise sqlite3.OperationalError(LOST)

    def _bare_statement(self, _cursor: Any, _text: str, _context: Any) -> None:
        if self._fails():
            raise sqlite3.OperationalError(LOST)

    def _commit(self, connection: Connection) -> None:
        if not self._fails():
            return
        raw: Any = connection.connection.dbapi_connection
        if self.after:
            raw.commit()
        raise OperationalError("COMMIT", {}, sqlite3.OperationalError(LOST))
