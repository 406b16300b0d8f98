"""An incident whose log somebody damaged shows nothing more, and holds up no other incident."""

import pytest
from sqlalchemy import text

from bot.adapters.chat.memory import MemoryChat
from bot.adapters.store.sql import SqlStore
from bot.domain.incident import Severity
from bot.pipeline.declare import declare_by_hand
from bot.pipeline.load import release_queued
from bot.pipeline.planned import end_events
from bot.pipeline.resolve import resolve_quiet
from bot.slack.outbox import Outbox
from bot.wiring.web import damaged_logs
from tests.slack.clock import HandClock

_DAMAGES = ("{", '{"type": "of_a_newer_version"}', '{"type": "incident_declared", "body": null}')


@pytest.mark.parametrize("record", _DAMAGES)
def test_the_card_of_another_incident_is_posted(store: SqlStore, record: str) -> None:
    clock = HandClock()
    chat = MemoryChat(clock, groups={"oncall": ("U0ONCALL1",)})
    _declare(store, "first", clock.now())
    with store.engine.begin() as connection:
        connection.execute(text("DROP TRIGGER events_no_update"))
        connection.execute(text("UPDATE events SET record = :record"), {"record": record.encode()})
    _declare(store, "second", clock.now())
    store.close()
    outbox = Outbox(store, chat, clock, "C0ALERTS", "oncall", "S0ONCALL", "web")
    outbox.send_due()
    assert [post.text for post in chat.posts if "second" in post.text]
    assert store.read(lambda tx: tx.incident("first")) is None
    assert list(store.read(damaged_logs)) == ["log of INC-1"]
    for sweep in (release_queued, end_events):
        assert sweep(store, now=clock.now()) == []
    assert resolve_quiet(store, now=clock.now() + 3600, after_s=60) == []


def _declare(store: SqlStore, name: str, now: float) -> None:
    store.transact(
        lambda tx: declare_by_hand(
            tx,
            incident=name,
            title=f"{name} is down",
            severity=Severity.SEV3,
            by="U0ONCALL1",
            now=now,
            observe_only=False,
        )
    )
