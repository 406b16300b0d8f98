"""Standing orders on SQLite and on PostgreSQL: moves are compare-and-sets, a target of an incident is acted on once."""

import threading
from dataclasses import replace

from sqlalchemy import text

from bot.adapters.store.sql import SqlStore
from bot.domain.standing_order import (
    OPEN_ORDERS,
    OrderState,
    StandingOrder,
    TierRow,
    sign_order,
)

KEY = b"g" * 32
ORDER = StandingOrder(
    id="SO-1", tenant="main", drafter="U0DRAFTER", playbook="rollback-deployment", playbook_digest="d" * 64,
    services=("basket",), targets=("k8s.deployment:production/basket",),
    bounds={"kubectl/rollout-undo.to_revision": (1, 9)}, blast_radius={"deployments": 1, "pods": 30},
    runs_per_hour=1, runs_per_day=3, confidence_milli=900, created_ms=1_700_000_000_000,
    expires_ms=1_700_000_000_000 + 86_400_000, nonce="n",
)  # fmt: skip


def signature(who: str):
    return sign_order(
        order_hash=ORDER.hash, signer=who, team="T", channel="C", message_ts="1.1", signed_ms=1_700_000_000_000,
        nonce=f"n-{who}", key=KEY,
    )  # fmt: skip


def live(store: SqlStore) -> None:
    store.transact(lambda tx: tx.add_order(ORDER))
    assert store.transact(lambda tx: tx.move_order(ORDER.hash, to=OrderState.LIVE, live_seq=7))


def fire(store: SqlStore, plan: str, *targets: str, incident: str = "i") -> bool:
    return store.transact(
        lambda tx: tx.fire_order(ORDER.hash, plan, incident=incident, targets=targets, at=100.0)
    )


def test_an_order_comes_back_as_it_went(opened: SqlStore) -> None:
    opened.transact(lambda tx: tx.add_order(ORDER))
    by_id, by_hash, following = opened.read(
        lambda tx: (tx.order("SO-1"), tx.order(ORDER.hash), tx.next_order_id())
    )
    assert by_id == by_hash
    assert by_id is not None
    assert (by_id.order, by_id.content, by_id.state) == (ORDER, ORDER.content, OrderState.DRAFTED)
    assert by_id.intact
    assert following == "SO-2"
    assert opened.read(lambda tx: (tx.order("SO-9"), tx.orders((OrderState.LIVE,)))) == (None, [])


def test_a_changed_row_is_not_intact_and_a_damaged_one_is_left_out(opened: SqlStore) -> None:
    opened.transact(lambda tx: tx.add_order(ORDER))
    other = replace(ORDER, services=("payments",)).content
    with opened.engine.begin() as connection:
        connection.execute(text("UPDATE standing_orders SET content = :c"), {"c": other})
    row = opened.read(lambda tx: tx.order("SO-1"))
    assert row is not None
    assert not row.intact
    with opened.engine.begin() as connection:
        connection.execute(text("UPDATE standing_orders SET content = :c"), {"c": b"[1]"})
    assert opened.read(lambda tx: (tx.order("SO-1"), tx.orders(OPEN_ORDERS))) == (None, [])


def test_each_person_signs_once(opened: SqlStore) -> None:
    opened.transact(lambda tx: tx.add_order(ORDER))
    assert opened.transact(lambda tx: tx.add_signature(signature("U0A")))
    assert not opened.transact(lambda tx: tx.add_signature(signature("U0A")))
    assert opened.transact(lambda tx: tx.add_signature(signature("U0B")))
    assert opened.read(lambda tx: tx.signatures(ORDER.hash)) == [signature("U0A"), signature("U0B")]


def test_moves_go_forward_only(opened: SqlStore) -> None:
    live(opened)
    again = opened.transact(lambda tx: tx.move_order(ORDER.hash, to=OrderState.LIVE, live_seq=8))
    assert not again
    row = opened.read(lambda tx: tx.order("SO-1"))
    assert row is not None
    assert row.live_seq == 7
    assert opened.transact(lambda tx: tx.move_order(ORDER.hash, to=OrderState.REVOKED))
    for to in (OrderState.LIVE, OrderState.EXPIRED, OrderState.REVOKED):
        assert not opened.transact(lambda tx, to=to: tx.move_order(ORDER.hash, to=to, live_seq=9))


def test_only_a_live_order_fires_and_each_target_once(opened: SqlStore) -> None:
    live(opened)
    assert fire(opened, "p1", "uid-1")
    assert not fire(opened, "p1", "uid-1")
    assert not fire(opened, "p2", "uid-1")
    assert fire(opened, "p3", "uid-1", incident="j")
    assert not fire(opened, "p4")
    assert opened.read(lambda tx: tx.firings(ORDER.hash, since=99.0)) == 2
    assert opened.read(lambda tx: tx.firings(ORDER.hash, since=100.0)) == 0
    opened.transact(lambda tx: tx.move_order(ORDER.hash, to=OrderState.REVOKED))
    assert not fire(opened, "p5", "uid-2")


def test_of_many_firings_at_once_one_is_noted(opened: SqlStore) -> None:
    live(opened)
    got: list[bool] = []
    threads = [
        threading.Thread(target=lambda n=n: got.append(fire(opened, f"p{n}", "uid-1"))) for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == [False] * 7 + [True]


def test_tiers_are_replaced(opened: SqlStore) -> None:
    opened.transact(lambda tx: tx.set_tier(TierRow("service:basket", "supervised", "U0A", 3)))
    opened.transact(lambda tx: tx.set_tier(TierRow("service:basket", "observe", "U0B", 4)))
    opened.transact(lambda tx: tx.set_tier(TierRow("tenant", "supervised", "U0A", 5)))
    newest = TierRow("service:basket", "observe", "U0B", 4)
    assert opened.read(lambda tx: tx.tiers(("service:basket", "service:other"))) == [newest]
    assert len(opened.read(lambda tx: tx.tiers(()))) == 2
