"""When the card of a new incident is due: at once, but for a small one that begins while a storm is under way."""

import itertools
from collections.abc import Iterator
from dataclasses import replace

import pytest

from bot.adapters.store.sql import SqlStore
from bot.domain.records import MessageKind
from bot.domain.topology import Topology
from bot.pipeline.correlate import correlate
from bot.pipeline.declare import declare_everyday
from bot.pipeline.hold import STORM_HOLD_S, STORM_QUIET_S
from tests.unit.pipeline.test_correlate import CHAIN, NOW, FixedClock, alert, parts_of, post, storm

FAR = Topology(
    {**CHAIN.calls, "island": ("reef",), "reef": ("atoll",)}, {**CHAIN.kinds, "island": "service"}, NOW
)


@pytest.fixture
def names() -> Iterator[int]:
    return itertools.count(1)


def folded(
    store: SqlStore, names: Iterator[int], *services: str, after: float = 0.0, storms: int = 0
) -> None:
    post(store, [*storm(storms), *(alert(name) for name in services)])
    clock = FixedClock(NOW + after)
    parts = replace(parts_of(store, FAR), clock=clock, new_id=lambda: f"incident-{next(names)}")
    assert correlate(parts).payloads > 0


def due_after(store: SqlStore, service: str) -> int:
    """Whole seconds after NOW at which the card of this service's incident is due."""
    (row,) = [one for one in store.read(lambda tx: tx.open_incidents()) if service in one.services]

    def due(at: float) -> bool:
        found = store.read(lambda tx: tx.due_messages(now=at, limit=50))
        return any((one.incident, one.kind) == (row.id, MessageKind.CARD) for one in found)

    return next(at for at in range(20) if due(NOW + at))


def looks(store: SqlStore, after: float) -> int:
    return len(store.read(lambda tx: tx.due_tasks(now=NOW + after)))


def test_a_single_alert_is_shown_at_once(store: SqlStore, names: Iterator[int]) -> None:
    folded(store, names, "island")
    assert (due_after(store, "island"), looks(store, 0)) == (0, 1)


def test_while_a_storm_goes_on_a_small_one_waits_and_the_storm_does_not(
    store: SqlStore, names: Iterator[int]
) -> None:
    folded(store, names, storms=100)
    folded(store, names, "island")
    assert due_after(store, "s00") == 0
    assert due_after(store, "island") == STORM_HOLD_S
    assert (looks(store, 0), looks(store, STORM_HOLD_S)) == (1, 2)
    folded(store, names, "reef", after=2.0)
    assert due_after(store, "island") == STORM_HOLD_S, "another alert makes it no earlier"


def test_a_storm_that_comes_at_once_is_told_with_what_stands_beside_it(
    store: SqlStore, names: Iterator[int]
) -> None:
    folded(store, names, "island", storms=100)
    assert (due_after(store, "s00"), due_after(store, "island")) == (0, 0)


def test_after_a_storm_it_is_shown_at_once_again(store: SqlStore, names: Iterator[int]) -> None:
    folded(store, names, storms=100)
    folded(store, names, "island", after=STORM_QUIET_S + 1)
    assert due_after(store, "island") == STORM_QUIET_S + 1


def test_one_that_grows_severe_is_shown_at_once(store: SqlStore, names: Iterator[int]) -> None:
    folded(store, names, storms=100)
    folded(store, names, "island")
    folded(store, names, "reef", "atoll", after=2.0)
    assert due_after(store, "island") == 2


def test_everyday_alerts_are_no_storm(store: SqlStore, names: Iterator[int]) -> None:
    services = [f"daily-{at}" for at in range(12)]
    store.transact(
        lambda tx: declare_everyday(tx, incident="daily", now=NOW, show_at=NOW, observe_only=False)
    )
    store.transact(lambda tx: tx.touch_incident("daily", last_alert_at=NOW, services=services))
    folded(store, names, "island")
    assert due_after(store, "island") == 0
