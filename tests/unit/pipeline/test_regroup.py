"""Incidents that turn out to be one, or two: merged by newer alerts, merged and split by people, and remembered."""

import itertools
import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.adapters.store.sql import SqlStore
from bot.domain.alert import Alert, AlertSeverity, AlertStatus, fingerprint_of
from bot.domain.correlation import JoinReason, Taught, group_alerts
from bot.domain.event import EventType
from bot.domain.incident import IncidentState, Severity
from bot.domain.records import IncidentRow
from bot.domain.topology import Topology
from bot.pipeline import regroup
from bot.pipeline.correlate import correlate
from bot.pipeline.regroup import merge, split
from tests.unit.pipeline.test_correlate import NOW, alert, incidents, parts_of, post

# Two chains that meet nowhere, and a lone service.
GRAPH = Topology(
    {"web": ("api",), "api": ("cart",), "cart": ("store",), "mail": ("queue",), "queue": ("disk",)},
    dict.fromkeys(["web", "api", "cart", "store", "mail", "queue", "disk", "lone"], "service"),
    NOW,
)


def test_alerts_between_two_incidents_merge_them_and_say_why(store: SqlStore) -> None:
    parts = parts_of(store, GRAPH)
    post(store, [alert("web"), alert("store")])
    assert len(correlate(parts).tasks) == 2
    post(store, [alert("api"), alert("web"), alert("cart")])
    correlate(parts)
    merged, first = incidents(store)
    assert (first.alerts_total, first.alerts_firing, sorted(first.services or {})) == (
        4,
        4,
        ["api", "cart", "store", "web"],
    )
    assert merged.state is IncidentState.CANCELLED
    assert "merged into INC-1: newer alerts connect the two" in merged.timeline[-1].text
    assert store.read(lambda tx: tx.firing_count(first.id)) == 4
    post(store, [alert("store", status="resolved")])
    correlate(parts)
    assert incidents(store)[1].alerts_firing == 3


def test_a_merge_by_hand_is_remembered(store: SqlStore) -> None:
    parts = parts_of(store, GRAPH)
    post(store, [alert("lone"), alert("disk")])
    correlate(parts)
    rows = store.read(lambda tx: list(tx.open_incidents()))
    assert store.transact(lambda tx: merge(tx, rows[0], rows[1], reason="one rack", by="U1", now=NOW))
    (open_row,) = store.read(lambda tx: list(tx.open_incidents()))
    assert open_row.services == ("disk", "lone")
    store.transact(lambda tx: tx.set_state(open_row.id, IncidentState.RESOLVED))
    post(store, [alert("lone", pod="again"), alert("disk", pod="again")])
    correlate(parts)
    newest = incidents(store)[0]
    assert newest.alerts_total == 2
    assert JoinReason.TAUGHT.value in (newest.joins or {})


def test_a_split_by_hand_stays_split(store: SqlStore) -> None:
    parts = parts_of(store, GRAPH)
    post(store, [alert("web"), alert("api"), alert("cart")])
    correlate(parts)
    (row,) = store.read(lambda tx: list(tx.open_incidents()))
    done = store.transact(
        lambda tx: split(
            tx, row, ["web"], incident="own", reason="another fault", by="U1", now=NOW, observe_only=True
        )
    )
    assert done is not None
    own, rest = incidents(store)
    assert (list(own.services or {}), own.alerts_total) == (["web"], 1)
    assert (sorted(rest.services or {}), rest.alerts_firing) == (["api", "cart"], 2)
    post(store, [alert("web", pod="2"), alert("api", pod="2"), alert("store")])
    correlate(parts)
    own, rest = incidents(store)
    assert (own.alerts_total, rest.alerts_total) == (2, 4)
    moved = [one for one in store.read(lambda tx: tx.events(own.id)) if one.type is EventType.ALERTS_MOVED]
    assert moved[0].body["reason"] == "another fault"


def test_what_alerts_last_in_a_large_storm_can_be_split_too(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(regroup, "_MOST_ALERTS", 2)
    post(store, [alert(name) for name in ("web", "api", "cart", "store")])
    correlate(parts_of(store, GRAPH))
    (row,) = store.read(lambda tx: list(tx.open_incidents()))
    by_start = store.read(lambda tx: tx.incident_alerts(row.id, limit=9))
    last = by_start[-1].service
    done = store.transact(
        lambda tx: split(
            tx, row, [last], incident="own", reason="no", by="U1", now=NOW + 1, observe_only=False
        )
    )
    assert done is not None
    assert store.read(lambda tx: tx.alerting("own")) == {last: (1, 1)}


def test_a_split_that_leaves_nothing_is_refused(store: SqlStore) -> None:
    post(store, [alert("web")])
    correlate(parts_of(store, GRAPH))
    (row,) = store.read(lambda tx: list(tx.open_incidents()))
    refused = store.transact(
        lambda tx: split(tx, row, ["web"], incident="own", reason="", by="U1", now=NOW, observe_only=True)
    )
    assert refused is None


def simple(service: str) -> Alert:
    labels = {"alertname": "ErrorsHigh", "service": service, "namespace": "shop"}
    return Alert(
        fingerprint_of("prod", labels),
        "prod",
        "ErrorsHigh",
        AlertStatus.FIRING,
        AlertSeverity.CRITICAL,
        service,
        "",
        NOW,
        NOW,
        labels=labels,
    )


def partition(order: Sequence[Sequence[str]], topology: Topology, taught: Taught) -> set[frozenset[str]]:
    """The services of each incident after alerts came in these passes."""
    rows: dict[str, IncidentRow] = {}
    numbers = itertools.count(1)
    for batch in order:
        for group in group_alerts(
            [simple(name) for name in batch], list(rows.values()), topology, now=NOW, taught=taught
        ):
            at = group.incident or f"incident-{next(numbers)}"
            number = int(at.rpartition("-")[2])
            row = rows.get(at) or IncidentRow(
                at, number, at, IncidentState.INVESTIGATING, Severity.SEV3, "", NOW, NOW, ()
            )
            others = [service for other in group.absorbs for service in rows.pop(other).services]
            services = {*row.services, *others, *(one.service for one in group.alerts)}
            rows[at] = replace(row, services=tuple(sorted(services)))
    return {frozenset(row.services) for row in rows.values()}


@settings(max_examples=120, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 14), st.booleans())
def test_the_order_of_arrival_does_not_change_who_belongs_together(
    seed: int, count: int, taught: bool
) -> None:
    draw = random.Random(seed)
    names = [f"s{at:02}" for at in range(20)]
    calls = {name: tuple(draw.sample(names[at + 1 :], min(2, 19 - at))) for at, name in enumerate(names)}
    topology = Topology(calls, dict.fromkeys(names, "service"), NOW)
    hit = draw.sample(names, count)
    said = Taught(frozenset({(min(hit[:2]), max(hit[:2]))})) if taught else Taught()
    once = partition([hit], topology, said)
    for _ in range(4):
        draw.shuffle(hit)
        cuts = sorted(draw.sample(range(1, count), min(2, count - 1)))
        passes = [hit[a:b] for a, b in itertools.pairwise([0, *cuts, count])]
        assert partition(passes, topology, said) == once
        assert partition([*passes, *passes], topology, said) == once
