"""Opens the store that the processes use, and never makes a new one: a wrong path must not look like an empty one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from bot.adapters.store.sql import SqlStore, open_store
from bot.domain.errors import Permanent
from bot.settings import Settings, load


@contextmanager
def existing_store() -> Iterator[SqlStore]:
    """The configured store; raises Permanent when there is none yet or it cannot be used."""
    settings = load()
    _refuse_absent(settings)
    store = open_store(settings)
    if not isinstance(store, SqlStore):
        message = "this command needs the SQL store"
        raise Permanent(message)
    try:
        yield store
    finally:
        store.close()


def _refuse_absent(settings: Settings) -> None:
    try:
        url = make_url(settings.database_url)
    except ArgumentError:
        return  # Opening it says what is wrong with it.
    if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).is_file():
        message = f"there is no database at {url.database}; give this command the settings of the processes"
        raise Permanent(message)
