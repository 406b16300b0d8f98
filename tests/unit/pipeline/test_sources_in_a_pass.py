"""What sources tell besides alerts: changes are kept for investigations, an owed heartbeat's silence is an incident."""

import json
from dataclasses import replace

from bot.adapters.monitoring import alertmanager, generic, github
from bot.adapters.store.sql import SqlStore
from bot.pipeline.correlate import Correlation, correlate
from bot.pipeline.heartbeat import Owed, watch_over
from bot.ports import AlertParser
from tests.contract.monitoring.fixtures import AT, fixture
from tests.unit.pipeline.test_correlate import FixedClock, alert, incidents, parts_of

OWED = {"prod": Owed("Watchdog", 300.0)}


def at(store: SqlStore, now: float) -> Correlation:
    parsers: dict[str, AlertParser] = {
        "alertmanager": alertmanager.build(),
        "generic": generic.build(),
        "github": github.build(),
    }
    return replace(parts_of(store), parsers=parsers, clock=FixedClock(now), owed=OWED)


def posted(store: SqlStore, now: float, *alerts: dict[str, object]) -> None:
    body = json.dumps({"version": "4", "alerts": alerts}).encode()
    store.transact(lambda tx: tx.add_raw("prod", "alertmanager", body, received_at=now))
    correlate(at(store, now))


def test_an_owed_heartbeat_opens_nothing_until_it_is_silent_and_resolves_when_it_is_back(
    store: SqlStore,
) -> None:
    watchdog = alert("", name="Watchdog")
    posted(store, AT, watchdog)
    assert incidents(store) == []
    assert watch_over(store, OWED, now=AT + 299) == []
    assert watch_over(store, OWED, now=AT + 301) == ["prod"]
    assert watch_over(store, OWED, now=AT + 302) == [], "what is pending is not told twice"
    correlate(at(store, AT + 303))
    (incident,) = incidents(store)
    assert "HeartbeatMissing" in incident.title
    assert watch_over(store, OWED, now=AT + 400) == []
    posted(store, AT + 500, watchdog)
    assert watch_over(store, OWED, now=AT + 501) == ["prod"]
    correlate(at(store, AT + 502))
    assert store.read(lambda tx: tx.firing_count(incident.id)) == 0


def test_a_source_that_never_spoke_is_given_its_time(store: SqlStore) -> None:
    assert watch_over(store, OWED, now=AT) == []
    assert watch_over(store, OWED, now=AT + 299) == []
    assert watch_over(store, OWED, now=AT + 301) == ["prod"]


def test_the_same_alert_of_a_source_that_owes_nothing_is_an_alert(store: SqlStore) -> None:
    body = json.dumps({"version": "4", "alerts": [alert("", name="Watchdog")]}).encode()
    store.transact(lambda tx: tx.add_raw("other", "alertmanager", body, received_at=AT))
    correlate(at(store, AT))
    assert len(incidents(store)) == 1


def test_a_change_is_kept_once_and_opens_nothing(store: SqlStore) -> None:
    body = json.dumps(fixture("github")["cases"]["deployment"]["body"]).encode()
    for _ in range(2):
        store.transact(lambda tx: tx.add_raw("repos", "github", body, received_at=AT))
        correlate(at(store, AT))
    assert incidents(store) == []
    (change,) = store.read(lambda tx: tx.changes(start=AT - 3600, end=AT))
    assert (change.service, change.actor, change.after) == ("checkout", "octo", "0d1a26e67d8f")
    assert store.read(lambda tx: tx.changes(start=AT, end=AT + 9)) == []


def test_a_pod_is_bound_to_the_service_that_the_graph_knows(store: SqlStore) -> None:
    posted(store, AT, alert("", pod="s03-7d9f8b6c5-x2x4p"))
    (incident,) = incidents(store)
    assert set(incident.services or {}) == {"s03"}
