"""What every database must do for us: chain, claim once, collapse edits, keep and open payloads, refuse edits."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, select, text
from sqlalchemy.exc import DBAPIError

from bot.adapters.store import migrate
from bot.adapters.store.parts.base import Keys
from bot.adapters.store.schema import inbox, metadata
from bot.adapters.store.sealing import Sealer
from bot.adapters.store.sql import MOST_FOLDS, SqlStore
from bot.domain.alert import Alert, AlertSeverity, AlertStatus
from bot.domain.errors import Conflict, Retryable
from bot.domain.event import EventType, NewEvent, first_break
from bot.domain.incident import IncidentState, Severity
from bot.domain.records import IncidentRow, MessageKind, StoredAlert, TaskKind
from bot.domain.telemetry import PlannedEvent
from bot.domain.topology import Topology
from bot.ports import Transaction


def note(words: str) -> NewEvent:
    return NewEvent(EventType.NOTE_ADDED, {"by": "somebody", "text": words})


def append_one(store: SqlStore, event: NewEvent) -> None:
    store.transact(lambda tx: tx.append("one", [event], at_ms=1))


def in_threads(count: int, work: Callable[[int], None]) -> None:
    threads = [threading.Thread(target=work, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_migrations_give_exactly_the_schema(opened: SqlStore) -> None:
    with opened.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []


def test_the_numbered_files_are_alembics_own_chain() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    chain = [one.revision for one in ScriptDirectory.from_config(config).walk_revisions()]
    assert migrate.revisions() == chain[::-1]
    assert migrate.newest() == chain[0]


def test_concurrent_appends_make_one_unbroken_chain(opened: SqlStore) -> None:
    def append(index: int) -> None:
        for event in [note(f"{index}/{turn}") for turn in range(10)]:
            append_one(opened, event)

    in_threads(6, append)
    events, head = opened.read(lambda tx: (tx.events("one"), tx.head("one")))
    assert [event.seq for event in events] == list(range(1, 61))
    assert {event.body["text"] for event in events} == {f"{i}/{t}" for i in range(6) for t in range(10)}
    assert first_break(b"a" * 32, ((e.seq, e.record, e.mac) for e in events), head) is None
    assert first_break(b"b" * 32, ((e.seq, e.record, e.mac) for e in events), head) is not None
    assert first_break(b"a" * 32, ((e.seq, e.record, e.mac) for e in events[:-1]), head) is not None


@pytest.mark.parametrize("statement", ["UPDATE events SET record = mac", "DELETE FROM events"])
def test_the_database_refuses_to_edit_history(opened: SqlStore, statement: str) -> None:
    opened.transact(lambda tx: tx.append("one", [note("a")], at_ms=1))
    with pytest.raises(DBAPIError, match="append-only"), opened.engine.begin() as connection:
        connection.execute(text(statement))
    assert len(opened.read(lambda tx: tx.events("one"))) == 1


def test_work_that_fails_leaves_nothing(opened: SqlStore) -> None:
    def half(tx: Transaction) -> None:
        tx.append("one", [note("a")], at_ms=1)
        tx.want_message("one", MessageKind.CARD, now=1.0)
        message = "stop here"
        raise RuntimeError(message)

    with pytest.raises(RuntimeError):
        opened.transact(half)
    assert opened.read(lambda tx: (tx.events("one"), tx.due_messages(now=9.0, limit=9))) == ([], [])


def test_payloads_are_sealed_and_open_again(opened: SqlStore) -> None:
    body = b'{"secret": "in the clear nowhere"}' * 50
    opened.transact(lambda tx: tx.add_raw("source", "generic", body, received_at=5.0))
    with opened.engine.connect() as connection:
        sealed = connection.execute(text("SELECT sealed FROM raw_bodies")).scalar_one()
    assert b"secret" not in bytes(sealed)
    (row,) = opened.read(lambda tx: tx.pending_raw(limit=5))
    assert (row.body, row.source, row.kind, row.received_at) == (body, "source", "generic", 5.0)
    opened.transact(lambda tx: tx.settle_raw([row.id]))
    assert opened.read(lambda tx: tx.pending_raw(limit=5)) == []


def test_a_poison_payload_is_set_aside_after_three_tries(opened: SqlStore) -> None:
    raw = opened.transact(lambda tx: tx.add_raw("source", "generic", b"x", received_at=5.0))
    tries = [opened.transact(lambda tx: tx.fail_raw(raw, "unreadable", quarantine_after=3)) for _ in range(3)]
    assert tries == [False, False, True]
    assert opened.read(lambda tx: tx.pending_raw(limit=5)) == []


def test_a_task_is_claimed_once_and_fenced(opened: SqlStore) -> None:
    task_id = opened.transact(lambda tx: tx.add_task(TaskKind.INVESTIGATE, "i", "declared", due_at=10.0))
    claims: list[object] = []

    def claim(_index: int) -> None:
        claims.append(opened.transact(lambda tx: tx.claim_task(task_id, now=11.0, lease_s=5.0)))

    in_threads(8, claim)
    (first,) = [one for one in claims if one is not None]
    second = opened.transact(lambda tx: tx.claim_task(task_id, now=17.0, lease_s=5.0))
    assert second is not None
    assert not opened.transact(lambda tx: tx.finish_task(first))  # type: ignore[arg-type]
    assert opened.transact(lambda tx: tx.finish_task(second))
    assert opened.read(lambda tx: tx.due_tasks(now=99.0)) == []


def test_what_waits_for_a_reason_is_hastened_and_nothing_else(opened: SqlStore) -> None:
    def add(tx: Transaction, incident: str, reason: str, due_at: float) -> int:
        return tx.add_task(TaskKind.INVESTIGATE, incident, reason, due_at=due_at)

    late = opened.transact(lambda tx: add(tx, "i", "declared", 20.0))
    old = opened.transact(lambda tx: add(tx, "i", "declared", 5.0))
    other = [("j", "declared"), ("i", "look 2")]
    rest = [opened.transact(lambda tx, one=one: add(tx, *one, 20.0)) for one in other]  # type: ignore[misc]
    claimed = opened.transact(lambda tx: tx.claim_task(old, now=6.0, lease_s=30.0))
    assert claimed is not None
    opened.transact(lambda tx: tx.hasten_tasks("i", "declared", now=10.0))
    assert opened.read(lambda tx: tx.due_tasks(now=10.0)) == [late]
    assert opened.read(lambda tx: tx.due_tasks(now=20.0)) == [late, *rest]
    assert opened.transact(lambda tx: tx.finish_task(claimed))


def test_a_try_that_is_not_counted_is_not_used_up(opened: SqlStore) -> None:
    task_id = opened.transact(lambda tx: tx.add_task(TaskKind.INVESTIGATE, "i", "declared", due_at=10.0))
    seen = []
    for counted in (False, False, True, True):
        task = opened.transact(lambda tx: tx.claim_task(task_id, now=11.0, lease_s=5.0))
        assert task is not None
        seen.append((task.tries, task.epoch))
        assert opened.transact(
            lambda tx, task=task, counted=counted: tx.release_task(
                task, due_at=11.0, reason="", counted=counted
            )
        )
    assert seen == [(1, 1), (1, 2), (1, 3), (2, 4)]


def test_a_lease_has_one_holder_and_a_growing_epoch(opened: SqlStore) -> None:
    def take(holder: str, now: float) -> int | None:
        return opened.transact(lambda tx: tx.take_lease("l", holder=holder, now=now, ttl_s=5.0))

    assert [take("a", 0.0), take("b", 1.0), take("a", 4.0), take("b", 8.0), take("b", 9.5)] == [
        1,
        None,
        1,
        None,
        2,
    ]
    assert not opened.transact(lambda tx: tx.holds_lease("l", 1))
    assert opened.transact(lambda tx: tx.holds_lease("l", 2))


def test_wanted_messages_collapse(opened: SqlStore) -> None:
    for _ in range(5):
        opened.transact(lambda tx: tx.want_message("i", MessageKind.CARD, now=1.0))
    (message,) = opened.read(lambda tx: tx.due_messages(now=2.0, limit=9))
    assert (message.wanted, message.sent) == (5, 0)
    opened.transact(lambda tx: tx.sent_message(message.id, ts="1.1", revision=5, next_at=4.0, now=2.0))
    assert opened.read(lambda tx: tx.due_messages(now=9.0, limit=9)) == []
    opened.transact(lambda tx: tx.want_message("i", MessageKind.CARD, now=3.0))
    assert opened.read(lambda tx: tx.due_messages(now=3.5, limit=9)) == []
    (again,) = opened.read(lambda tx: tx.due_messages(now=4.0, limit=9))
    assert (again.ts, again.wanted, again.first_posted_at) == ("1.1", 6, 2.0)


def test_open_incidents_have_unique_keys(opened: SqlStore) -> None:
    def row(name: str, number: int, key: str) -> IncidentRow:
        return IncidentRow(
            name, number, key, IncidentState.INVESTIGATING, Severity.SEV2, "t", 1.0, 1.0, ("a",)
        )

    opened.transact(lambda tx: tx.insert_incident(row("a", 1, "k")))
    with pytest.raises(Conflict):
        opened.transact(lambda tx: tx.insert_incident(row("b", 2, "k")))
    opened.transact(lambda tx: tx.set_state("a", IncidentState.RESOLVED))
    opened.transact(lambda tx: tx.insert_incident(row("b", 2, "k")))
    assert [one.id for one in opened.read(lambda tx: tx.open_incidents())] == ["b"]
    opened.transact(lambda tx: tx.set_place("b", channel="C1", thread_ts="1.5"))
    assert opened.read(lambda tx: tx.incident_at("C1", "1.5")) is not None
    assert opened.read(lambda tx: tx.incident_at("C1", "1.6")) is None


def test_alerts_inbox_switches_events_and_documents_come_back(opened: SqlStore) -> None:
    alert = Alert(
        "f", "s", "n", AlertStatus.FIRING, AlertSeverity.CRITICAL, "svc", "x", 1.0, 2.0, labels={"a": "b"}
    )
    opened.transact(lambda tx: tx.save_alerts([StoredAlert(alert, "i", "first_alerts", 1, 7)]))
    opened.transact(lambda tx: tx.save_alerts([StoredAlert(alert, "i", "first_alerts", 2, 7)]))
    stored = opened.read(lambda tx: tx.alerts(["f", "g"]))
    assert (stored["f"].alert, stored["f"].times_seen, len(stored)) == (alert, 2, 1)
    assert opened.read(lambda tx: (tx.firing_count("i"), len(tx.incident_alerts("i", limit=5)))) == (1, 1)
    recorded = [
        opened.transact(lambda tx: tx.record_inbox("e1", "click", {"a": 1}, at=1.0)) for _ in range(2)
    ]
    assert recorded == [True, False]
    assert opened.read(lambda tx: tx.pending_inbox(limit=5))[0].payload == {"a": 1}
    address = {"reply_url": "https://hooks.slack.com/commands/T1/2/secret"}
    opened.transact(lambda tx: tx.record_inbox("e2", "command", {"a": 2, **address}, at=1.0))
    assert opened.read(lambda tx: tx.pending_inbox(limit=5))[1].payload == {"a": 2, **address}
    with opened.engine.connect() as connection:
        rows = connection.execute(select(inbox.c.payload)).scalars().all()
    assert "secret" not in "".join(rows)
    assert "hooks" not in "".join(rows)
    other = SqlStore(opened.engine, opened.tenant, Keys(b"k", Sealer(b"another key")))
    assert other.read(lambda tx: tx.pending_inbox(limit=5))[1].payload == {"a": 2}
    opened.transact(lambda tx: tx.set_switch("tenant", True, by="u", at=1.0))
    assert opened.read(lambda tx: tx.switched_on(["service:a", "tenant"])) == "tenant"
    event = PlannedEvent("p", "Launch", 10.0, 20.0, ("a",), "u")
    opened.transact(lambda tx: tx.add_planned_event(event))
    assert opened.read(lambda tx: tx.planned_events(start=15.0, end=16.0)) == [event]
    assert opened.read(lambda tx: tx.planned_events(start=21.0, end=22.0)) == []
    topology = Topology({"a": ("b",)}, {"b": "database"}, 5.0)
    opened.transact(lambda tx: tx.save_topology(topology))
    assert opened.read(lambda tx: tx.topology()) == topology


def test_nothing_crosses_tenants(opened: SqlStore) -> None:
    other = SqlStore(opened.engine, "other", opened._keys)
    opened.transact(lambda tx: tx.append("one", [note("a")], at_ms=1))
    opened.transact(lambda tx: tx.add_raw("s", "generic", b"x", received_at=1.0))
    opened.transact(lambda tx: tx.set_switch("tenant", True, by="u", at=1.0))
    assert other.read(lambda tx: (tx.events("one"), tx.pending_raw(limit=5), tx.switched_on(["tenant"]))) == (
        [],
        [],
        None,
    )


def test_folds_are_kept_for_the_newest_only(opened: SqlStore) -> None:
    count = MOST_FOLDS + 20
    body = {
        "number": 1, "title": "t", "severity": 3, "reason": "r", "key": "k", "own_channel": False, "observe_only": True,
    }  # fmt: skip

    def declare(tx: Transaction) -> None:
        for number in range(count):
            tx.append(f"i{number}", [NewEvent(EventType.INCIDENT_DECLARED, body)], at_ms=1)

    opened.transact(declare)
    for number in range(count):
        assert opened.read(lambda tx, name=f"i{number}": tx.incident(name)) is not None  # type: ignore[misc]
    assert len(opened._folds) == MOST_FOLDS
    opened.transact(
        lambda tx: tx.append("i0", [NewEvent(EventType.NOTE_ADDED, {"by": "U", "text": "x"})], at_ms=2)
    )
    again = opened.read(lambda tx: tx.incident("i0"))
    assert again is not None
    assert [line.text for line in again.notes] == ["x"]


def test_when_every_connection_is_in_use_trying_again_may_help(opened: SqlStore) -> None:
    crowded = SqlStore(
        create_engine(opened.engine.url, pool_size=1, max_overflow=0, pool_timeout=0.1), "main", opened._keys
    )
    with crowded.engine.connect():
        with pytest.raises(Retryable):
            crowded.read(lambda tx: tx.beats())
        with pytest.raises(Retryable):
            crowded.transact(lambda tx: tx.beat("web", at=1.0))
    crowded.close()


def test_what_is_settled_and_old_is_forgotten_and_nothing_else(opened: SqlStore) -> None:
    old, young = 100.0, 900.0

    def fill(tx: Transaction) -> None:
        for number in range(6):
            tx.add_raw("s", "generic", b"x", received_at=old if number < 4 else young)
            tx.record_inbox(f"d{number}", "click", {}, at=old if number < 4 else young)
            tx.add_task(TaskKind.REVIEW, f"i{number}", "r", due_at=old if number < 4 else young)
        tx.settle_raw([2, 3, 4, 5, 6])
        for number in (2, 3, 4, 5, 6):
            tx.settle_inbox(number, note="")
            claimed = tx.claim_task(number, now=1000.0, lease_s=1.0)
            assert claimed is not None
            tx.release_task(claimed, due_at=old if number < 5 else young, reason="")
            again = tx.claim_task(number, now=1000.0, lease_s=-900.0 if number < 5 else 0.0)
            assert again is not None
            tx.finish_task(again)
        tx.append("i0", [NewEvent(EventType.NOTE_ADDED, {"by": "U", "text": "kept"})], at_ms=1)

    opened.transact(fill)
    assert opened.transact(lambda tx: tx.forget(before=500.0, limit=2)) == 6
    assert opened.transact(lambda tx: tx.forget(before=500.0, limit=50)) == 3
    assert opened.transact(lambda tx: tx.forget(before=500.0, limit=50)) == 0
    with opened.engine.connect() as connection:
        for table in ("raw_bodies", "inbox", "tasks"):
            left = connection.execute(text(f"SELECT id FROM {table} ORDER BY id")).scalars().all()
            assert left == [1, 5, 6], table
    assert len(opened.read(lambda tx: tx.events("i0"))) == 1
    assert opened.transact(lambda tx: tx.forget(before=9999.0, limit=50)) == 3
    assert opened.transact(lambda tx: tx.add_raw("s", "generic", b"x", received_at=young)) == 7


def test_of_many_alerts_some_that_fire_are_read_and_all_are_counted(opened: SqlStore) -> None:
    def stored(number: int) -> StoredAlert:
        status = AlertStatus.FIRING if number % 2 else AlertStatus.RESOLVED
        severity = AlertSeverity.CRITICAL if number < 3 else AlertSeverity.INFO
        alert = Alert(f"f{number}", "s", "n", status, severity, f"svc{number % 3}", "x", 50.0 - number, 2.0)
        return StoredAlert(alert, "i", "new", 1, 7)

    opened.transact(lambda tx: tx.save_alerts([stored(number) for number in range(30)]))
    some = opened.read(lambda tx: tx.some_alerts("i", limit=10))
    assert [alert.status for alert in some] == [AlertStatus.FIRING] * 10
    assert [alert.starts_at for alert in some] == sorted(alert.starts_at for alert in some)
    whole = opened.read(lambda tx: tx.some_alerts("i", limit=99))
    assert whole == opened.read(lambda tx: tx.incident_alerts("i", limit=99))
    assert opened.read(lambda tx: tx.alerting("i")) == {"svc0": (10, 1), "svc1": (10, 1), "svc2": (10, 1)}
    assert opened.read(lambda tx: tx.alerting("another")) == {}


def test_alerts_of_closed_incidents_and_small_rows_are_forgotten_in_bounds(opened: SqlStore) -> None:
    def alert(fingerprint: str, at: float) -> Alert:
        return Alert(fingerprint, "s", "n", AlertStatus.FIRING, AlertSeverity.CRITICAL, "svc", "x", 1.0, at)

    def fill(tx: Transaction) -> None:
        for number, name in enumerate(("closed", "open", "young"), start=1):
            last = 900.0 if name == "young" else 100.0
            state, severity = IncidentState.INVESTIGATING, Severity.SEV2
            tx.insert_incident(IncidentRow(name, number, name, state, severity, "t", 1.0, last, ("a",)))
            rows = [StoredAlert(alert(f"{name}{n}", last), name, "new", 1, 7) for n in range(25)]
            tx.save_alerts(rows)
        for name in ("closed", "young"):
            tx.set_state(name, IncidentState.RESOLVED)
        for number in range(25):
            tx.first_delivery("s", f"d{number}", at=100.0)

    def left() -> list[int]:
        names = ("closed", "open", "young")
        return opened.read(lambda tx: [len(tx.incident_alerts(one, limit=99)) for one in names])

    opened.transact(fill)
    opened.transact(lambda tx: tx.forget(before=500.0, limit=1))
    assert left() == [5, 25, 25]
    with opened.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM deliveries")).scalar_one() == 5
    opened.transact(lambda tx: tx.forget(before=500.0, limit=1))
    assert left() == [0, 25, 25]
    with opened.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM deliveries")).scalar_one() == 0


def test_an_incident_is_found_by_its_number(opened: SqlStore) -> None:
    def row(number: int) -> IncidentRow:
        state, severity = IncidentState.INVESTIGATING, Severity.SEV2
        return IncidentRow(f"i{number}", number, f"i{number}", state, severity, "t", 1.0, 1.0, ("a",))

    def declare(tx: Transaction) -> None:
        for number in (1, 2, 4):
            tx.insert_incident(row(number))

    opened.transact(declare)
    assert [one.number for one in opened.read(lambda tx: tx.all_incidents(limit=1, up_to=2))] == [2]
    assert [one.number for one in opened.read(lambda tx: tx.all_incidents(limit=1, up_to=3))] == [2]
    assert [one.number for one in opened.read(lambda tx: tx.all_incidents(limit=2))] == [4, 2]


def test_baselines_are_sealed_replaced_and_given_by_age(opened: SqlStore) -> None:
    def save_three(tx: Transaction) -> None:
        for at, service in enumerate(("a", "b", "c"), start=1):
            tx.save_baseline(service, f"words of {service}".encode(), at=float(at))

    opened.transact(save_three)
    opened.transact(lambda tx: tx.save_baseline("a", b"newer words", at=9.0))
    found = opened.read(lambda tx: tx.baselines(["a", "b", "z"]))
    assert found == {"a": b"newer words", "b": b"words of b"}
    stalest = opened.read(lambda tx: tx.stalest_baselines(["a", "b", "c", "z"], limit=3))
    assert list(stalest) == ["z", "b", "c"]
    with opened.engine.connect() as connection:
        raw = connection.execute(text("SELECT sealed FROM baselines")).scalars()
        assert all(b"words" not in bytes(sealed) for sealed in raw)
