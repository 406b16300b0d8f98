"""Alerts that no call connects belong together by one change, or by the same words about the same thing; nothing else."""

import itertools
from collections.abc import Mapping

import pytest

from bot.adapters.store.sql import SqlStore
from bot.domain.common_ground import sayings, shared_changes
from bot.domain.correlation import JoinReason
from bot.domain.telemetry import Change, ChangeKind
from bot.domain.topology import Topology
from bot.pipeline.correlate import correlate
from bot.pipeline.part import SETTLED_S
from tests.unit.pipeline.test_correlate import NOW, alert, incidents, parts_of, post
from tests.unit.pipeline.test_part import parter
from tests.unit.pipeline.test_regroup import simple

# Three that call each other nowhere, what two of them name, and enough others that no change got to most of them.
NODES = ["cart", "mail", "search", "orders-db", *(f"calm-{at}" for at in range(8))]
GRAPH = Topology({"cart": ("orders-db",), "mail": (), "search": ()}, dict.fromkeys(NODES, "service"), NOW)
BEGAN = NOW - 29.9
REVISION = "9f3c2e11ab04"


def said(service: str, summary: str, **labels: str) -> Mapping[str, object]:
    return {**alert(service, **labels), "annotations": {"summary": summary}}


def rolled_out(store: SqlStore, services: str, *, at: float = BEGAN - 300, after: str = REVISION) -> None:
    changes = [Change(name, ChangeKind.DEPLOY, at, f"{name} synced", "", after) for name in services.split()]
    store.transact(lambda tx: tx.save_changes("argo", changes))


def together(store: SqlStore) -> set[frozenset[str]]:
    return {frozenset(row.services) for row in store.read(lambda tx: list(tx.open_incidents()))}


def test_services_that_got_one_change_belong_together(store: SqlStore) -> None:
    rolled_out(store, "cart mail")
    rolled_out(store, "search", after="77aa00bb1122")
    post(store, [alert("cart"), alert("mail"), alert("search")])
    correlate(parts_of(store, GRAPH))
    assert together(store) == {frozenset({"cart", "mail"}), frozenset({"search"})}
    found = next(one for one in incidents(store) if "cart" in (one.services or {}))
    assert (found.joins or {}) == {JoinReason.SAME_CHANGE.value: 2}


@pytest.mark.parametrize(
    ("services", "at", "after"),
    [
        ("cart mail", BEGAN + 5, REVISION),
        ("cart mail", BEGAN - 7200, REVISION),
        ("cart mail", BEGAN - 300, "6"),
        (" ".join(NODES), BEGAN - 300, REVISION),
    ],
    ids=["later", "long ago", "nothing specific", "everywhere"],
)
def test_changes_that_tell_nothing(store: SqlStore, services: str, at: float, after: str) -> None:
    rolled_out(store, services, at=at, after=after)
    post(store, [alert("cart"), alert("mail")])
    correlate(parts_of(store, GRAPH))
    assert len(together(store)) == 2


@pytest.mark.parametrize("order", list(itertools.permutations(["mail", "search", "cart"])))
def test_the_same_words_about_the_same_thing_in_any_order_and_pass(
    store: SqlStore, order: tuple[str, ...]
) -> None:
    words = "{} cannot open a connection to orders-db:{} since 14:0{}"
    parts = parts_of(store, GRAPH)
    for at, name in enumerate(order):
        post(
            store,
            [said(name, words.format(name, 5432, at).replace(":5432", "") if name != "cart" else "slow")],
        )
        correlate(parts)
    assert together(store) == {frozenset({"mail", "search"}), frozenset({"cart"})}


def test_what_a_rule_says_of_everybody_proves_nothing(store: SqlStore) -> None:
    rule = "the error rate of {} is {} % for 5 minutes, see runbook errors"
    post(store, [said(name, rule.format(name, at)) for at, name in enumerate(("cart", "mail", "search"))])
    correlate(parts_of(store, GRAPH))
    assert len(together(store)) == 3


def test_who_the_map_does_not_know_is_known_by_its_words(store: SqlStore) -> None:
    words = "disk usage of the backup volume grows by {} GB an hour"
    post(store, [said("nas", words.format(3), zone="a"), said("vault", words.format(12), zone="b")])
    post(store, [said("other", "something else is wrong here today", zone="c")])
    correlate(parts_of(store, GRAPH))
    assert together(store) == {frozenset({"nas", "vault"}), frozenset({"other"})}


def test_what_one_change_connects_is_not_parted(store: SqlStore) -> None:
    deep = Topology(
        {"web": ("api",), "api": ("cart",), "desk": ("mail",), "mail": ("disk",)},
        dict.fromkeys(["web", "api", "cart", "desk", "mail", "disk", *NODES], "service"),
        NOW,
    )
    rolled_out(store, "cart disk")
    loud = ("web", "api", "cart", "desk", "mail", "disk")
    post(store, [alert(name, pod=str(number)) for name in loud for number in range(12)])
    correlate(parts_of(store, deep))
    assert together(store) == {frozenset(loud)}
    assert parter(store).look(NOW + SETTLED_S) == []


def test_a_change_is_known_by_its_run_too() -> None:
    run = "https://ci.example/runs/12"
    changes = [Change(name, ChangeKind.CONFIG, 1.0, "t", "", "", link=run) for name in ("a", "b")]
    scaled = [Change(name, ChangeKind.SCALE, 1.0, "t", "", "replicas-6") for name in ("a", "b")]
    assert list(shared_changes([*changes, *scaled], 40).values()) == [{"a": 1.0, "b": 1.0}]


def test_alerts_without_words_say_nothing() -> None:
    assert sayings([simple("cart")], {"cart"}) == {}
