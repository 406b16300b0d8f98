"""Brings the schema up to date at start, once, whichever process comes first.

Migrations are numbered files, each on top of the one before (a test holds that), so that the newest is known without Alembic.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from bot.adapters import registry
from bot.domain.errors import Permanent

_LOCK_NUMBER = 7_220_146
_LONGEST_MIN = 15
_VERSIONS = Path(__file__).parent / "migrations" / "versions"


def bring_up_to_date(engine: Engine, data_dir: Path) -> None:
    """Upgrade to the newest revision; a database of a newer version is refused with Permanent."""
    with engine.connect() as connection:
        current = revision_of(connection)
    if current == newest():
        return
    if current is not None and current not in revisions():
        message = f"the database has schema {current}, which this version does not know; upgrade Watchkeeper"
        raise Permanent(message)
    with _alone(engine, data_dir), engine.connect() as connection:
        if revision_of(connection) != newest():  # Another process may have done it while this one waited.
            registry.module("store", "upgrade").upgrade(connection)


def revisions() -> list[str]:
    """Every revision of this version, oldest first."""
    return sorted(path.name.partition("_")[0] for path in _VERSIONS.glob("[0-9]*.py"))


def newest() -> str:
    """The revision that this version wants."""
    return revisions()[-1]


def revision_of(connection: Connection) -> str | None:
    """The revision that the database holds; None where nothing was made yet."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


@contextmanager
def _alone(engine: Engine, data_dir: Path) -> Iterator[None]:
    """Hold the migration lock: a PostgreSQL advisory lock, or a file lock beside a SQLite database."""
    if engine.dialect.name == "postgresql":
        with engine.connect() as connection:
            # Not the limits of everyday statements: with much data another process takes longer.
            for limit in ("lock_timeout", "statement_timeout"):
                connection.execute(text(f"SET LOCAL {limit} = '{_LONGEST_MIN}min'"))
            connection.execute(text("SELECT pg_advisory_lock(:n)"), {"n": _LOCK_NUMBER})
            try:
                yield
            finally:
                connection.execute(text("SELECT pg_advisory_unlock(:n)"), {"n": _LOCK_NUMBER})
        return
    folder = Path(engine.url.database).parent if engine.url.database else data_dir
    with (folder / "migrate.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
