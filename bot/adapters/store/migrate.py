"""Brings the schema up to date at start, once, whichever process comes first."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from bot.domain.errors import Permanent

_LOCK_NUMBER = 7_220_146
_FOLDER = Path(__file__).parent / "migrations"


def bring_up_to_date(engine: Engine, data_dir: Path) -> None:
    """Upgrade to the newest revision; a database of a newer version is refused with Permanent."""
    script = ScriptDirectory.from_config(alembic_config())
    head = script.get_current_head()
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
        if current == head:
            return
        if current is not None and current not in {revision.revision for revision in script.walk_revisions()}:
            message = (
                f"the database has schema {current}, which this version does not know; upgrade Watchkeeper"
            )
            raise Permanent(message)
    with _alone(engine, data_dir), engine.connect() as connection:
        _upgrade(connection)


def alembic_config() -> Config:
    """Alembic's configuration without an ini file; `connection` is put into its attributes."""
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    return config


def _upgrade(connection: Connection) -> None:
    config = alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


@contextmanager
def _alone(engine: Engine, data_dir: Path) -> Iterator[None]:
    """Hold the migration lock: a PostgreSQL advisory lock, or a file lock beside a SQLite database."""
    if engine.dialect.name == "postgresql":
        with engine.connect() as connection:
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
