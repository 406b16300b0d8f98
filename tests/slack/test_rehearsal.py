"""A rehearsal makes the statements of a first card and leaves nothing behind."""

from sqlalchemy import text

from bot.adapters.store import schema
from bot.adapters.store.parts import base
from bot.adapters.store.sql import SqlStore
from bot.slack.rehearsal import rehearse
from tests.slack.clock import HandClock


def test_nothing_stays_but_the_statements(store: SqlStore) -> None:
    base._MADE.clear()
    with store.engine.connect() as connection:
        counts = [
            connection.execute(text(f'SELECT count(*) FROM "{table.name}"')).scalar_one()
            for table in schema.metadata.sorted_tables
        ]
        rehearse(store, now=HandClock().now())
        assert counts == [
            connection.execute(text(f'SELECT count(*) FROM "{table.name}"')).scalar_one()
            for table in schema.metadata.sorted_tables
        ]
    made = {what for _, what in base._MADE}
    assert {"doubt message", "sent message", "set place", "renew lease", "move head", "due messages"} <= made
