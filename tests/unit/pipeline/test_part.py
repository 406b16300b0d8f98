"""Two faults at once become two incidents once the storm has settled, with the reason, and against nobody's word."""

import itertools
from collections import Counter
from collections.abc import Sequence

import pytest

from bot.adapters.store.sql import SqlStore
from bot.domain.candidate import ServiceSummary
from bot.domain.event import EventType
from bot.domain.incident import Incident, IncidentState
from bot.domain.parting import parted, parted_by
from bot.domain.topology import Topology
from bot.pipeline.correlate import Correlation, correlate
from bot.pipeline.part import SETTLED_S, Parter
from bot.pipeline.regroup import merge
from tests.bench.storm_generator import KINDS, storm
from tests.bench.storm_scorecard import score
from tests.unit.pipeline.test_correlate import NOW, alert, incidents, parts_of, post

# Two trees whose only link is a service that alerts as on any day, and some that are silent.
GRAPH = Topology(
    {
        "web": ("api",), "api": ("cart",), "cart": ("store",),
        "desk": ("mail",), "mail": ("queue",), "queue": ("disk",),
        "jobs": ("cart", "queue"), **{f"calm-{at}": ("store",) for at in range(8)},
    },
    dict.fromkeys(["web", "api", "cart", "store", "desk", "mail", "queue", "disk", "jobs"], "service"),
    NOW,
)  # fmt: skip
LOUD = ("web", "api", "cart", "store", "desk", "mail", "queue", "disk")


def two_faults(store: SqlStore) -> Correlation:
    """Both faults and the link between them, all in one incident."""
    loud = [alert(name, pod=str(number)) for name in LOUD for number in range(12)]
    post(store, [*loud, alert("jobs")])
    parts = parts_of(store, GRAPH)
    correlate(parts)
    return parts


def parter(store: SqlStore) -> Parter:
    names = (f"part-{at}" for at in itertools.count(1))
    return Parter(store, lambda: next(names), observe_only=False)


def open_services(store: SqlStore) -> list[Sequence[str]]:
    return [row.services for row in store.read(lambda tx: list(tx.open_incidents()))]


def test_what_nothing_connects_gets_an_incident_of_its_own(store: SqlStore) -> None:
    two_faults(store)
    assert len(open_services(store)) == 1
    look = parter(store).look
    assert look(NOW + SETTLED_S - 1) == []
    tasks = look(NOW + SETTLED_S)
    assert len(tasks) == 2, "the new one, and the old one again"
    assert sorted(map(set, open_services(store)), key=min) == [
        {"web", "api", "cart", "store", "jobs"},
        {"desk", "mail", "queue", "disk"},
    ]
    own: Incident = incidents(store)[0]
    moved = [one for one in store.read(lambda tx: tx.events(own.id)) if one.type is EventType.ALERTS_MOVED]
    assert moved[0].body["reason"].startswith("no known call connects what is hit around ")
    assert (own.alerts_total, own.alerts_firing, moved[0].body["by"]) == (48, 48, "")
    assert look(NOW + SETTLED_S + 1) == []
    post(store, [alert("jobs", pod="again"), alert("web", pod="again"), alert("mail", pod="again")])
    correlate(parts_of(store, GRAPH))
    assert len(open_services(store)) == 2, "what linked them before does not make them one again"


def test_what_a_person_joined_stays_joined(store: SqlStore) -> None:
    parts = two_faults(store)
    parter(store).look(NOW + SETTLED_S)
    rows = store.read(lambda tx: list(tx.open_incidents()))
    assert store.transact(lambda tx: merge(tx, rows[0], rows[1], reason="one rack", by="U1", now=NOW))
    assert parter(store).look(NOW + 2 * SETTLED_S) == []
    store.transact(lambda tx: tx.set_state(rows[0].id, IncidentState.RESOLVED))
    post(
        store,
        [alert(name, pod=f"later-{at}") for name in LOUD for at in range(12)] + [alert("jobs", pod="2")],
    )
    correlate(parts)
    assert len(open_services(store)) == 1
    assert parter(store).look(NOW + SETTLED_S) == [], "their leading services are said to belong together"


def counted(services: Sequence[str], number: int = 12) -> list[ServiceSummary]:
    return [ServiceSummary(name, number, 0.0) for name in services]


def test_one_place_is_one_story() -> None:
    hit = counted(LOUD) + counted(["calm-1", "calm-2"], 1)
    assert parted(hit, GRAPH) is not None
    places = {
        name: frozenset({("zone", "a" if name in LOUD else "b")}) for name in [*LOUD, "calm-1", "calm-2"]
    }
    assert parted(hit, GRAPH, places) is None


def test_causes_that_readings_show_part_what_alerts_alone_would_not() -> None:
    bridged = Topology({**GRAPH.calls, "shop": ("web", "desk")}, GRAPH.kinds, NOW)
    hit = counted([*LOUD, "shop"]) + counted(["calm-1"], 1)
    assert parted(hit, bridged) is None, "a common caller suffers from both"
    found = parted_by(("store", "disk"), hit, bridged)
    assert found is not None
    assert Counter(found.part_of.values()) == {"store": 6, "disk": 4}
    assert parted_by(("store", "api"), hit, bridged) is None, "one of them depends on the other"
    assert parted_by(("store",), hit, bridged) is None


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_generated_storms_are_parted_where_they_are_two(kind: str) -> None:
    rows = [score(storm(kind, seed=seed)) for seed in (101, 102)]
    precision = sum(float(str(row["precision"])) for row in rows) / len(rows)
    recall = sum(float(str(row["recall"])) for row in rows) / len(rows)
    assert precision >= 0.85
    assert recall >= (0.85 if kind == "zone_loss" else 0.98)
