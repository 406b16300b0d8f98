"""A look at the configured database that changes nothing: does it answer, and which schema does it hold."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from bot.adapters.store.migrate import newest, revision_of
from bot.adapters.store.sql import open_engine
from bot.domain.errors import Permanent


@dataclass(frozen=True, slots=True)
class Checkup:
    """`schema` is None for a database that is empty or not there yet; `shown` is its URL without a password."""

    shown: str
    schema: str | None
    wanted: str


def look_at(database_url: str) -> Checkup:
    """Connect and read the revision; raises Permanent when it cannot be used. A SQLite file is not made."""
    wanted = newest()
    try:
        url = make_url(database_url)
    except ArgumentError as error:
        message = "this is no database URL (sqlite:///FILE or postgresql+psycopg://...)"
        raise Permanent(message) from error
    shown = url.render_as_string(hide_password=True)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        return _absent(shown, Path(url.database or ""), wanted)
    engine = open_engine(database_url)
    try:
        with engine.connect() as connection:
            return Checkup(shown, revision_of(connection), wanted)
    except DBAPIError as error:
        cause = str(error.orig).strip().splitlines()[0] if error.orig else type(error).__name__
        message = f"{shown} cannot be used: {cause}"
        raise Permanent(message) from error
    finally:
        engine.dispose()


def _absent(shown: str, file: Path, wanted: str) -> Checkup:
    """A SQLite file that is not there is fine where it can be made."""
    if file.exists() or any(parent.exists() and not parent.is_dir() for parent in file.parents):
        message = f"{shown} cannot be used: its place is taken by something that is no database file"
        raise Permanent(message)
    return Checkup(shown, None, wanted)
