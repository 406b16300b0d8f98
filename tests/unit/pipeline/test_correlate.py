"""A pass over pending payloads: one incident for a storm, counters for repeats, reasons for joins, no poison."""

import itertools
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from sqlalchemy import text

from bot.adapters.monitoring.alertmanager import Alertmanager
from bot.adapters.store.sql import SqlStore
from bot.domain.delivery import Delivery
from bot.domain.errors import Conflict, Permanent
from bot.domain.event import TENANT_CHAIN, EventType
from bot.domain.incident import Incident, Severity
from bot.domain.topology import Topology
from bot.pipeline.correlate import (
    LEASE,
    LEASE_S,
    QUARANTINE_AFTER,
    Correlated,
    CorrelateOutcome,
    Correlation,
    correlate,
)
from bot.pipeline.declare import HOLD_S
from bot.pipeline.resolve import resolve_quiet

NOW = 1_800_000_000.0
CHAIN = Topology(
    {f"s{i:02}": tuple(f"s{j:02}" for j in (2 * i + 1, 2 * i + 2) if j < 12) for i in range(12)},
    {f"s{i:02}": "service" for i in range(12)},
    NOW,
)


class FixedClock:
    def __init__(self, at: float) -> None:
        self.at = at

    def now(self) -> float:
        return self.at


class FixedTopology:
    def __init__(self, topology: Topology) -> None:
        self._topology = topology

    def topology(self, *, now: float, fresh: bool = False) -> Topology:
        return self._topology


def parts_of(store: SqlStore, topology: Topology = CHAIN, holder: str = "one") -> Correlation:
    ids = itertools.count(1)
    return Correlation(
        store=store,
        parsers={"alertmanager": Alertmanager()},
        topology=FixedTopology(topology),
        clock=FixedClock(NOW),
        holder=holder,
        new_id=lambda: f"incident-{next(ids)}",
        observe_only=False,
    )


def alert(
    service: str, name: str = "HighErrorRate", status: str = "firing", **labels: str
) -> dict[str, object]:
    given = {"alertname": name, "service": service, "severity": "critical", "namespace": "shop", **labels}
    return {
        "status": status,
        "labels": given,
        "annotations": {},
        "startsAt": "2027-01-15T07:59:30.123456789Z",
    }


def post(store: SqlStore, alerts: Sequence[Mapping[str, object]], size: int = 50) -> None:
    for start in range(0, len(alerts), size):
        body = json.dumps({"version": "4", "alerts": list(alerts[start : start + size])}).encode()
        store.transact(lambda tx, body=body: tx.add_raw("prod", "alertmanager", body, received_at=NOW))  # type: ignore[misc]


def incidents(store: SqlStore) -> list[Incident]:
    rows = store.read(lambda tx: tx.all_incidents(limit=50))
    found = [store.read(lambda tx, row=row: tx.incident(row.id)) for row in rows]  # type: ignore[misc]
    return [one for one in found if one is not None]


def storm(count: int) -> list[dict[str, object]]:
    return [alert(f"s{i % 12:02}", pod=f"p{i}") for i in range(count)]


def test_a_storm_is_one_incident_with_every_alert_counted(store: SqlStore) -> None:
    post(store, storm(1000))
    outcome = correlate(parts_of(store))
    assert (outcome.reason, outcome.payloads, outcome.alerts, len(outcome.tasks)) == (
        Correlated.FOLDED,
        20,
        1000,
        1,
    )
    (incident,) = incidents(store)
    assert (incident.alerts_total, incident.alerts_firing, len(incident.services or {})) == (1000, 1000, 12)
    assert incident.severity is Severity.SEV1
    assert incident.candidate
    assert sum((incident.joins or {}).values()) == 1000
    assert store.read(lambda tx: tx.firing_count(incident.id)) == 1000
    folded = [e for e in store.read(lambda tx: tx.events(incident.id)) if e.type is EventType.ALERTS_FOLDED]
    assert len(folded) == 1


def test_of_a_storm_that_takes_several_passes_the_whole_is_shown_and_looked_into(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.pipeline.correlate.BODIES_PER_PASS", 8)
    post(store, storm(1000))
    first = correlate(parts_of(store))
    assert first.more
    assert len(first.tasks) == 1

    def due(at: float) -> tuple[int, int]:
        tasks, messages = store.read(lambda tx: (tx.due_tasks(now=at), tx.due_messages(now=at, limit=9)))
        return len(tasks), len(messages)

    assert due(NOW) == (0, 0)
    assert due(NOW + HOLD_S) == (1, 2)
    passes = 1
    while correlate(parts_of(store)).more:
        passes += 1
    assert passes == 2
    assert due(NOW) == (1, 1), "the card; the announcement still waits"
    (incident,) = incidents(store)
    assert (incident.alerts_total, incident.alerts_firing) == (1000, 1000)


def test_a_second_pass_finds_nothing_and_repeats_are_counters(store: SqlStore) -> None:
    post(store, storm(24))
    correlate(parts_of(store))
    assert correlate(parts_of(store)).reason is Correlated.NOTHING_PENDING
    post(store, storm(24))
    assert correlate(parts_of(store)).tasks == ()
    (incident,) = incidents(store)
    assert (incident.alerts_total, incident.alerts_firing) == (24, 24)


def test_resolved_alerts_close_the_incident_and_ask_for_its_review(store: SqlStore) -> None:
    post(store, storm(24))
    correlate(parts_of(store))
    post(store, [{**one, "status": "resolved"} for one in storm(24)])
    correlate(parts_of(store))
    (incident,) = incidents(store)
    assert incident.alerts_firing == 0
    assert resolve_quiet(store, now=NOW + 1, after_s=2) == []
    (task,) = resolve_quiet(store, now=NOW + 3, after_s=2)
    assert store.transact(lambda tx: tx.claim_task(task, now=NOW + 4, lease_s=9)) is not None
    assert incidents(store)[0].state.value == "resolved"
    assert resolve_quiet(store, now=NOW + 9, after_s=2) == []


def test_a_late_copy_of_an_alert_that_ended_opens_nothing_and_a_new_firing_does(store: SqlStore) -> None:
    parts = parts_of(store)
    post(store, [alert("s01")])
    correlate(parts)
    post(store, [alert("s01", status="resolved")])
    correlate(parts)
    resolve_quiet(store, now=NOW + 3, after_s=2)
    post(store, [alert("s01")])
    assert correlate(parts).tasks == ()
    assert [one.state.open for one in incidents(store)] == [False]
    post(store, [{**alert("s01"), "startsAt": "2027-01-15T07:59:50Z"}])
    assert len(correlate(parts).tasks) == 1


def test_the_order_of_arrival_does_not_matter(store: SqlStore) -> None:
    seen = set()
    for seed in range(4):
        alerts = [{**one, "startsAt": f"2027-01-15T07:59:3{seed}Z"} for one in storm(60)]
        random.Random(seed).shuffle(alerts)
        post(store, alerts, size=7)
        parts = replace(parts_of(store), new_id=lambda seed=seed: f"seed-{seed}")  # type: ignore[misc]
        correlate(parts)
        (incident,) = [one for one in incidents(store) if one.state.open]
        seen.add(
            (
                incident.alerts_total,
                incident.candidate,
                incident.title,
                tuple(sorted((incident.joins or {}).items())),
            )
        )
        post(store, [{**one, "status": "resolved"} for one in alerts])
        correlate(parts)
        resolve_quiet(store, now=NOW + 60, after_s=1)
    assert len(seen) == 1


def test_far_services_are_another_incident_and_near_ones_join(store: SqlStore) -> None:
    far = Topology({**CHAIN.calls, "island": ("reef",)}, {**CHAIN.kinds, "island": "service"}, NOW)
    post(store, [alert("s01"), alert("island")])
    assert len(correlate(parts_of(store, far)).tasks) == 2
    post(store, [alert("s03"), alert("reef")])
    assert correlate(parts_of(store, far)).tasks == ()
    assert [one.alerts_total for one in incidents(store)] == [2, 2]
    assert {reason for one in incidents(store) for reason in (one.joins or {})} == {
        "first_alerts",
        "dependency",
    }


def test_without_a_graph_shared_labels_hold_a_storm_together(store: SqlStore) -> None:
    post(store, storm(36))
    assert len(correlate(parts_of(store, Topology())).tasks) == 1
    post(store, [alert("new-one"), alert("elsewhere", namespace="other")])
    correlate(parts_of(store, Topology()))
    assert [one.alerts_total for one in incidents(store)] == [38]


@pytest.mark.parametrize("body", [b"", b"{}", b"nonsense", b'{"version":"3","alerts":[]}', b"[" * 100_000])
def test_a_poison_payload_is_set_aside_and_the_next_one_runs(store: SqlStore, body: bytes) -> None:
    store.transact(lambda tx: tx.add_raw("prod", "alertmanager", body, received_at=NOW))
    post(store, [alert("s01")])
    outcomes: list[CorrelateOutcome] = [correlate(parts_of(store)) for _ in range(4)]
    assert outcomes[0].tasks
    assert outcomes[-1].reason is Correlated.NOTHING_PENDING
    (event,) = store.read(lambda tx: tx.events(TENANT_CHAIN))
    assert event.type is EventType.PAYLOAD_QUARANTINED


def test_a_second_correlator_waits_for_the_lease(store: SqlStore) -> None:
    post(store, [alert("s01")])
    correlate(parts_of(store, holder="one"))
    post(store, [alert("s02")])
    assert correlate(parts_of(store, holder="two")).reason is Correlated.ANOTHER_CORRELATOR
    assert correlate(parts_of(store, holder="one")).reason is Correlated.FOLDED


class Unstorable(Alertmanager):
    """Reads one service's start as no number, as a parser might that holds a sender to less than the store does."""

    def parse(self, body: bytes, *, source: str, received_at: float) -> Delivery:
        found = super().parse(body, source=source, received_at=received_at)
        return Delivery(
            [one._replace(starts_at=float("nan")) if one.service == "s09" else one for one in found.alerts]
        )


def test_a_payload_that_cannot_be_stored_is_set_aside_and_the_others_go_in(store: SqlStore) -> None:
    parts = replace(parts_of(store), parsers={"alertmanager": Unstorable()})
    post(store, [alert("s09")])
    with pytest.raises(Permanent):
        correlate(parts)
    for number in range(QUARANTINE_AFTER):
        post(store, [alert("s01", pod=f"p{number}"), alert("s02", pod=f"p{number}")], size=1)
        assert correlate(parts).reason is Correlated.FOLDED
    assert sum(one.alerts_total for one in incidents(store)) == 2 * QUARANTINE_AFTER
    assert correlate(parts).reason is Correlated.NOTHING_PENDING
    (event,) = store.read(lambda tx: tx.events(TENANT_CHAIN))
    assert event.type is EventType.PAYLOAD_QUARANTINED


def test_a_payload_that_does_not_open_is_set_aside_but_a_wrong_key_loses_nothing(store: SqlStore) -> None:
    post(store, [alert("s01")])
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE raw_bodies SET sealed = X'00112233445566778899AABBCCDDEEFF'"))
    for _ in range(QUARANTINE_AFTER + 1):
        with pytest.raises(Permanent):
            correlate(parts_of(store))
    for number in range(QUARANTINE_AFTER):
        post(store, [alert("s02", pod=f"p{number}")])
        correlate(parts_of(store))
    assert correlate(parts_of(store)).reason is Correlated.NOTHING_PENDING
    assert incidents(store)[0].alerts_total == QUARANTINE_AFTER


class SlowTopology(FixedTopology):
    """Takes longer than the lease lasts."""

    def __init__(self, clock: FixedClock) -> None:
        super().__init__(CHAIN)
        self._clock = clock

    def topology(self, *, now: float, fresh: bool = False) -> Topology:
        self._clock.at += 2 * LEASE_S
        return super().topology(now=now, fresh=fresh)


def test_a_pass_that_takes_longer_than_its_lease_goes_in_unless_another_took_over(store: SqlStore) -> None:
    clock = FixedClock(NOW)
    slow = replace(parts_of(store), clock=clock, topology=SlowTopology(clock))
    post(store, [alert("s01")])
    assert correlate(slow).reason is Correlated.FOLDED

    class Stolen(SlowTopology):
        def topology(self, *, now: float, fresh: bool = False) -> Topology:
            graph = super().topology(now=now, fresh=fresh)
            store.transact(lambda tx: tx.take_lease(LEASE, holder="two", now=clock.at, ttl_s=LEASE_S))
            return graph

    post(store, [alert("s02")])
    with pytest.raises(Conflict):
        correlate(replace(slow, topology=Stolen(clock)))
    assert incidents(store)[0].alerts_total == 1


def test_a_storm_that_comes_drop_by_drop_is_as_bad_as_one_that_comes_at_once(store: SqlStore) -> None:
    parts = parts_of(store)
    seen = []
    for number in range(5):
        post(store, [alert(f"s{number:02}", pod=f"p{pod}") for pod in range(50)])
        correlate(parts)
        seen.append(incidents(store)[0].severity)
    assert seen == [Severity.SEV3, Severity.SEV3, Severity.SEV2, Severity.SEV2, Severity.SEV1]
