"""SQLite's write-ahead log, laid out at the size that it grows to before it is copied back, for a process that takes storms in.

While that file still grows, each commit's sync must also write where its new end is: a third of the kernel's work, and a tenth
of the time that a sender waits. It grows once, since it is written over from then on; here that is before the first storm.
"""

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

_PAGE, _FRAME = 4096, 4096 + 24


def lay_out(engine: Engine, pages: int) -> None:
    """Make room for `pages` by writing what is taken back; without space, or where another one writes, it stays as it is."""
    if engine.dialect.name != "sqlite" or not engine.url.database or _has_room(engine.url.database, pages):
        return
    pooled = engine.raw_connection()
    try:
        _write_and_take_back(pooled.driver_connection, pages)
    finally:
        pooled.close()


def _has_room(database: str, pages: int) -> bool:
    log = Path(f"{database}-wal")
    return log.exists() and log.stat().st_size >= pages * _FRAME // 2


def _write_and_take_back(own: Any, pages: int) -> None:
    """What is larger than the connection's cache goes to the log before its commit; with no commit it counts for nobody."""
    with contextlib.suppress(sqlite3.Error):
        own.execute("BEGIN IMMEDIATE")
        try:
            own.execute("CREATE TABLE room (filling BLOB)")
            own.execute("INSERT INTO room VALUES (zeroblob(?))", (pages * _PAGE,))
        finally:
            own.execute("ROLLBACK")
