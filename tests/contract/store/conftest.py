"""Each test runs on a fresh SQLite file and on a fresh database of a real PostgreSQL."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.adapters.store.sql import SqlStore, open_store
from bot.settings import Settings
from tests.postgres import PostgresServer
from tests.postgres import postgres as running_postgres

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.sqlite3"
    server = request.getfixturevalue("postgres")
    name = f"watchkeeper_{next(_NUMBERS)}"
    server.psql(f"CREATE DATABASE {name}")
    return str(server.get_uri(name))


@pytest.fixture
def opened(settings: Callable[..., Settings], database_url: str) -> Iterator[SqlStore]:
    store = open_store(settings(database_url=database_url))
    assert isinstance(store, SqlStore)
    yield store
    store.close()
