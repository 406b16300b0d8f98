"""A desk for each test of this folder."""

from collections.abc import Iterator

import pytest

from bot.adapters.store.sql import SqlStore
from tests.slack.desk import Desk


@pytest.fixture
def desk(store: SqlStore) -> Iterator[Desk]:
    made = Desk(store)
    yield made
    made.recorder.close()
