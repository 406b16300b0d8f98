"""What people, crashes and plans change between the moment a pass is placed and the moment each part of it is written."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from bot.adapters.store.sql import SqlStore
from bot.domain.incident import Incident
from bot.domain.plan import PlanState
from bot.domain.topology import Topology
from bot.pipeline.correlate import Correlation, correlate
from bot.pipeline.regroup import split
from bot.pipeline.resolve import resolve
from tests.unit.domain.test_gate import a_plan
from tests.unit.pipeline.test_correlate import NOW, alert, incidents, parts_of, post

LINE = Topology(
    {"web": ("api",), "api": ("cart",), "cart": ("store",)},
    dict.fromkeys(["web", "api", "cart", "store", "lone"], "service"),
    NOW,
)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.pipeline.correlate.ROWS_PER_TRANSACTION", 2)


def once(work: Callable[[], None]) -> Callable[[], None]:
    left = [work]

    def breathe() -> None:
        if left:
            left.pop()()

    return breathe


def folded(parts: Correlation) -> None:
    while correlate(parts).more:
        pass


def counts_hold(store: SqlStore) -> bool:
    """Whether each open incident's log counts what the store has, service by service, and its row names them."""
    for one in (incident for incident in incidents(store) if incident.state.open):
        rows = store.read(lambda tx, one=one: tx.alerting(one.id))  # type: ignore[misc]
        row = store.read(lambda tx, one=one: tx.incident_row(one.id))  # type: ignore[misc]
        firing = store.read(lambda tx, one=one: tx.firing_count(one.id))  # type: ignore[misc]
        here = {name: count for name, (count, _) in rows.items()}
        if (here, sum(here.values()), firing) != (
            dict(one.services or {}),
            one.alerts_total,
            one.alerts_firing,
        ):
            return False
        if not here.keys() <= set(row.services):
            return False
    return True


def open_ones(store: SqlStore) -> list[Incident]:
    return [one for one in incidents(store) if one.state.open]


def test_what_an_acting_incident_has_stays_with_it_though_it_is_connected(store: SqlStore) -> None:
    parts = parts_of(store, LINE)
    post(store, [alert("web")])
    folded(parts)
    post(store, [alert("store")])
    folded(parts)
    younger, older = incidents(store)
    plan = replace(a_plan(), incident=younger.id)
    store.transact(lambda tx: tx.add_plan(plan))
    store.transact(lambda tx: tx.move_plan(plan.hash, to=PlanState.GRANTED, frm=(PlanState.PROPOSED,)))
    post(store, [alert("api"), alert("cart"), alert("store")])
    folded(parts)
    assert [(one.id, one.alerts_total) for one in incidents(store)] == [(younger.id, 1), (older.id, 3)]
    assert counts_hold(store)
    post(store, [alert("store", status="resolved")])
    folded(parts)
    assert [one.alerts_firing for one in incidents(store)] == [0, 3]


def test_what_a_person_splits_in_between_stays_split(store: SqlStore) -> None:
    parts = parts_of(store, LINE)
    every = [alert("web"), alert("api"), alert("cart"), alert("store")]
    post(store, every, size=1)
    folded(parts)
    (one,) = open_ones(store)

    def by_hand() -> None:
        row = store.read(lambda tx: tx.incident_row(one.id))
        assert row is not None
        store.transact(
            lambda tx: split(
                tx, row, ["store"], incident="own", reason="no", by="U1", now=NOW + 1, observe_only=False
            )
        )

    post(store, every, size=1)
    folded(replace(parts, breathe=once(by_hand)))
    assert {one.id: set(one.services or {}) for one in open_ones(store)} == {
        "own": {"store"},
        one.id: {"web", "api", "cart"},
    }
    assert counts_hold(store)


def test_what_comes_after_an_incident_was_closed_opens_another(store: SqlStore) -> None:
    def by_hand() -> None:
        (one,) = open_ones(store)
        store.transact(lambda tx: resolve(tx, one.id, reason="", by="U1", now=NOW))

    post(store, [alert("web"), alert("api"), alert("cart"), alert("store")], size=1)
    folded(replace(parts_of(store, LINE), breathe=once(by_hand)))
    (last,) = open_ones(store)
    assert set(last.services or {}) == {"cart", "store"}
    assert counts_hold(store)


def test_a_crash_between_two_parts_loses_no_end_of_an_alert(store: SqlStore) -> None:
    """The other sender's late copy comes in a later payload than the end does."""
    parts = parts_of(store, LINE)
    post(store, [alert("web"), alert("api")])
    folded(parts)
    post(store, [alert("web", status="resolved"), alert("cart"), alert("store"), alert("web")], size=2)

    def crash() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        correlate(replace(parts, breathe=crash))
    folded(parts)
    (one,) = open_ones(store)
    assert (one.alerts_total, one.alerts_firing) == (4, 3)
    assert counts_hold(store)
