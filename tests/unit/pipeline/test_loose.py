"""Many small stories at once share one incident, leave it when something connects them, and none of them is lost."""

import random

import pytest

from bot.adapters.store.sql import SqlStore
from bot.domain.correlation import JoinReason
from bot.domain.event import EventType
from bot.domain.incident import Incident, IncidentState, Severity
from bot.domain.records import MessageKind
from bot.domain.topology import Topology
from bot.pipeline.correlate import correlate
from bot.pipeline.loose import AT_ONCE_S, COLLECTS_S, MOST_AT_ONCE
from bot.pipeline.part import SETTLED_S, Parter
from tests.unit.pipeline.test_correlate import NOW, FixedClock, alert, incidents, parts_of, post

LONE = [f"lone{at:02}" for at in range(30)]
CHAIN = ["web", "api", "cart", "store"]
# A chain, and thirty services that nobody calls; one of them is called by the chain over one that may be silent.
GRAPH = Topology(
    {"web": ("api",), "api": ("cart", "bridge"), "cart": ("store",), "bridge": ("far",), "far": ("lone07",)},
    dict.fromkeys([*CHAIN, *LONE, "bridge", "far"], "service"),
    NOW,
)


def warning(service: str, name: str = "DiskFull") -> dict[str, object]:
    return alert(service, name, severity="warning")


def open_ones(store: SqlStore) -> dict[str, Incident]:
    return {one.title: one for one in incidents(store) if one.state.open}


def loose_of(store: SqlStore) -> Incident:
    (found,) = [one for one in incidents(store) if one.loose_ends]
    return found


def test_beyond_ten_at_once_the_small_ones_share_an_incident(store: SqlStore) -> None:
    post(store, [warning(name) for name in LONE])
    assert len(correlate(parts_of(store, GRAPH)).tasks) == MOST_AT_ONCE
    assert len(open_ones(store)) == MOST_AT_ONCE + 1
    loose = loose_of(store)
    assert (loose.alerts_total, loose.alerts_firing, loose.looked_into) == (20, 20, False)
    assert loose.joins == {JoinReason.LOOSE.value: 20}
    assert sum(one.alerts_total for one in incidents(store)) == 30


def test_what_is_severe_has_an_incident_of_its_own_all_the_same(store: SqlStore) -> None:
    parts = parts_of(store, GRAPH)
    post(store, [warning(name) for name in LONE])
    correlate(parts)
    post(store, [alert(name) for name in CHAIN])
    correlate(parts)
    assert [one for one in open_ones(store).values() if set(one.services or {}) == set(CHAIN)]
    assert loose_of(store).alerts_total == 20


def test_after_a_minute_new_stories_begin_again_and_known_loose_ends_stay(store: SqlStore) -> None:
    parts = parts_of(store, GRAPH)
    post(store, [warning(name) for name in LONE])
    correlate(parts)
    stays = min(loose_of(store).services or {})
    assert isinstance(parts.clock, FixedClock)
    parts.clock.at = NOW + AT_ONCE_S + 1
    post(store, [warning(stays, "CpuHigh"), warning("web")])
    assert len(correlate(parts).tasks) == 1
    assert len(open_ones(store)) == MOST_AT_ONCE + 2
    assert loose_of(store).alerts_total == 21


def test_what_something_connects_moves_to_its_incident_with_all_of_its_alerts(store: SqlStore) -> None:
    parts = parts_of(store, GRAPH)
    quiet_first = [name for name in LONE if name != "lone07"]
    post(store, [warning(name) for name in quiet_first])
    correlate(parts)
    post(store, [warning("lone07"), warning("lone07", "CpuHigh")])
    correlate(parts)
    assert "lone07" in (loose_of(store).services or {})
    post(store, [*(alert(name) for name in CHAIN), warning("bridge"), warning("far"), warning("lone07")])
    correlate(parts)
    (chain,) = [one for one in open_ones(store).values() if "web" in (one.services or {})]
    assert (chain.services or {})["lone07"] == 2
    assert "lone07" not in (loose_of(store).services or {})
    assert store.read(lambda tx: tx.firing_count(chain.id)) == chain.alerts_firing == 8
    for incident, way in ((chain, "in"), (loose_of(store), "out")):
        events = store.read(lambda tx, chain=incident.id: tx.events(chain))  # type: ignore[misc]
        moved = [one.body for one in events if one.type is EventType.ALERTS_MOVED]
        assert [(body["way"], body["count"], body["services"]) for body in moved] == [(way, 2, {"lone07": 2})]


def test_an_incident_that_is_gone_before_anybody_saw_it_posts_nothing(store: SqlStore) -> None:
    every = [f"s{at:02}" for at in range(40)]
    line = Topology(
        dict(zip(every, ((one,) for one in every[1:]), strict=False)), dict.fromkeys(every, "service"), NOW
    )
    parts = parts_of(store, line)
    post(store, [warning(name) for name in every[::3]])  # Two silent ones between: nothing connects them.
    correlate(parts)
    assert loose_of(store).alerts_total == 14 - MOST_AT_ONCE
    post(store, [warning(name) for name in every])
    correlate(parts)
    (stays,) = open_ones(store).values()
    assert (stays.alerts_total, len(stays.services or {})) == (40, 40)
    assert loose_of(store).state is IncidentState.CANCELLED
    due = store.read(lambda tx: tx.due_messages(now=NOW + 60, limit=100))
    assert {one.incident for one in due} == {stays.id}


def test_a_merged_incident_that_was_seen_says_where_it_went(store: SqlStore) -> None:
    parts = parts_of(store, GRAPH)
    post(store, [alert("web"), alert("store")])
    correlate(parts)
    younger, older = incidents(store)
    card = store.read(lambda tx: tx.message(younger.id, MessageKind.CARD))
    assert card is not None
    store.transact(lambda tx: tx.sent_message(card.id, ts="1.0", revision=1, next_at=NOW, now=NOW))
    post(store, [alert("api"), alert("cart")])
    correlate(parts)
    due = store.read(lambda tx: tx.due_messages(now=NOW + 60, limit=100))
    assert {one.incident for one in due} == {younger.id, older.id}


@pytest.mark.parametrize("seed", range(6))
def test_every_alert_is_counted_once_however_a_storm_arrives(store: SqlStore, seed: int) -> None:
    drawn = random.Random(seed)
    names = [f"s{at:03}" for at in range(160)]
    calls = {name: tuple(drawn.sample(names[at + 1 :], min(1, 159 - at))) for at, name in enumerate(names)}
    parts = parts_of(store, Topology(calls, dict.fromkeys(names, "service"), NOW))
    alerts = [warning(drawn.choice(names), f"Rule{drawn.randrange(9)}") for _ in range(260)]
    alerts += [{**one, "status": "resolved"} for one in drawn.sample(alerts[:200], 40)]
    known: set[str] = set()
    for start in range(0, 300, 30):
        lot = alerts[start : start + 30]
        known |= {str(one["labels"]) for one in lot if one["status"] == "firing"}
        post(store, lot, size=drawn.randrange(3, 12))
        while correlate(parts).more:
            pass
        found = incidents(store)
        assert sum(one.alerts_total for one in found if one.state.open) == len(known)
        for one in found:
            assert store.read(lambda tx, one=one: tx.firing_count(one.id)) == one.alerts_firing  # type: ignore[misc]
            rows = store.read(lambda tx, one=one: tx.alerting(one.id))  # type: ignore[misc]
            assert {name: count for name, (count, _) in rows.items()} == dict(one.services or {})


def test_loose_ends_are_never_raised(store: SqlStore) -> None:
    """Not even once others are collected elsewhere, and their senders only repeat them."""
    parts = parts_of(store, Topology({}, dict.fromkeys(LONE, "service"), NOW))
    post(store, [alert(name) for name in LONE])
    correlate(parts)
    assert isinstance(parts.clock, FixedClock)
    parts.clock.at = NOW + COLLECTS_S + 1
    post(store, [alert(name) for name in loose_of(store).services or {}])
    correlate(parts)
    assert (loose_of(store).severity, loose_of(store).channel_wanted) == (Severity.SEV3, False)


def test_loose_ends_are_never_parted(store: SqlStore) -> None:
    """What hangs together there is nobody's story until something connects it: nobody looks into it unasked."""
    parts = parts_of(store, GRAPH)
    post(store, [warning(name) for name in LONE])
    correlate(parts)
    services = sorted(loose_of(store).services or {})
    loud = [alert(name, severity="warning", pod=f"p{at}") for name in services[:2] for at in range(60)]
    post(store, loud)
    correlate(parts)
    assert loose_of(store).alerts_total == 140
    assert Parter(store, lambda: "part", observe_only=False).look(NOW + SETTLED_S) == []
    assert loose_of(store).alerts_total == 140


def test_a_clock_that_is_set_back_makes_no_loose_ends(store: SqlStore) -> None:
    parts = parts_of(store, Topology({}, dict.fromkeys(LONE, "service"), NOW))
    post(store, [warning(name) for name in LONE[:MOST_AT_ONCE]])
    correlate(parts)
    assert isinstance(parts.clock, FixedClock)
    parts.clock.at = NOW - 3600
    post(store, [warning(LONE[-1])])
    assert len(correlate(parts).tasks) == 1
