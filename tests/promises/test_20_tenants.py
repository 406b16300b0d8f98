"""Promise 20: nothing crosses tenants. Two stores on one database; one calls every method with the other's ids."""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError

from bot.adapters.store import schema
from bot.adapters.store.parts.base import Part
from bot.adapters.store.sql import SqlStore, open_store
from bot.domain.alert import Alert, AlertSeverity, AlertStatus
from bot.domain.correlation import Taught
from bot.domain.errors import WatchkeeperError
from bot.domain.event import TENANT_CHAIN, EventType, NewEvent
from bot.domain.freeze import FreezeWindow
from bot.domain.gate import sign_grant
from bot.domain.incident import IncidentState, Severity
from bot.domain.plan import PlanState
from bot.domain.records import (
    Arrived,
    Grant,
    IncidentRow,
    Message,
    MessageKind,
    StepRow,
    StepState,
    StoredAlert,
    Task,
    TaskKind,
)
from bot.domain.standing_order import OrderSignature, OrderState, StandingOrder, TierRow, sign_order
from bot.domain.telemetry import Change, ChangeKind, PlannedEvent
from bot.domain.topology import Topology
from bot.ports import (
    Control,
    Gating,
    Incidents,
    Intake,
    Log,
    Orders,
    Outbox,
    Plans,
    Tasks,
    Transaction,
    Watching,
)
from bot.settings import Settings
from tests.promises.conftest import Tally
from tests.unit.blocks import samples

FULL = 2500
NOW = 1_800_000_000.0
SECRET, MINE = "words-of-the-other-tenant", "words-of-our-own"
HIT = "a call said that it reached the other tenant's row"
OURS, THEIRS = "main", "other"
TENANT_TABLES = [table for table in schema.metadata.sorted_tables if "tenant" in table.c]
PLAN_HASHES = ("proposed", "granted", "running")

Call = Callable[[Transaction], object]


def plant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every statement asks for the other tenant's rows, whoever asks."""
    genuine = Part.__init__

    def careless(part: Part, connection: Any, _tenant: str, keys: Any) -> None:
        genuine(part, connection, THEIRS, keys)

    monkeypatch.setattr(Part, "__init__", careless)


@pytest.fixture
def stores(settings: Callable[..., Settings]) -> Iterator[tuple[SqlStore, SqlStore]]:
    ours, theirs = open_store(settings(tenant=OURS)), open_store(settings(tenant=THEIRS))
    assert isinstance(ours, SqlStore)
    assert isinstance(theirs, SqlStore)
    yield ours, theirs
    ours.close()
    theirs.close()


def stored_alert(fingerprint: str, incident: str, words: str) -> StoredAlert:
    alert = Alert(
        fingerprint, "prod", words, AlertStatus.FIRING, AlertSeverity.CRITICAL, "checkout", words, NOW, NOW
    )
    return StoredAlert(alert, incident, "time", 1, 1)


def change(words: str) -> Change:
    return Change("checkout", ChangeKind.DEPLOY, NOW, words, "", words)


def incident_row(name: str, number: int, words: str) -> IncidentRow:
    return IncidentRow(
        name, number, f"key-{name}", IncidentState.INVESTIGATING, Severity.SEV2, words, NOW, NOW, ("checkout",),
        "C0THEIRS", "1.1",
    )  # fmt: skip


def grant(plan_hash: str, words: str) -> Grant:
    return sign_grant(
        plan_hash=plan_hash, approver=words, team="T", channel="C", message_ts="1.1", granted_ms=1, expires_ms=2,
        nonce="n", key=b"k" * 32,
    )  # fmt: skip


def step(plan_hash: str, name: str, words: str) -> StepRow:
    return StepRow(plan_hash, name, "do", StepState.INTENDED, "token", {}, words, 1)


def standing_order(words: str) -> StandingOrder:
    return StandingOrder(
        "SO-1", "main", words, "p", "d" * 64, ("checkout",), (), {}, {}, 1, 1, 900, 1, 2, "n",
    )  # fmt: skip


def order_signature(order: StandingOrder, words: str) -> OrderSignature:
    return sign_order(
        order_hash=order.hash, signer=words, team="T", channel="C", message_ts="1.1", signed_ms=1, nonce="n",
        key=b"k" * 32,
    )  # fmt: skip


def later(incident: str, message: int) -> Message:
    return Message(message, incident, MessageKind.NOTICE, "C", "1.1", "", 1, 0, 0, 0.0)


class Filled:
    """One of everything in a tenant's rows, told in `words`; the names are the same for every tenant."""

    def __init__(self, store: SqlStore, words: str) -> None:
        self.words = words
        self.hashes: dict[str, str] = {}
        store.transact(self._fill)

    def _fill(self, tx: Transaction) -> None:
        words = self.words
        self.incident, self.fingerprint = "inc-of-both", "f" * 16
        opened = {"number": 77, "title": words, "severity": 2, "reason": words, "key": "k"}
        flags = {"own_channel": False, "observe_only": False}
        tx.append(self.incident, [NewEvent(EventType.INCIDENT_DECLARED, {**opened, **flags})], at_ms=1)
        tx.append(TENANT_CHAIN, [NewEvent(EventType.SWITCH_SET, {"by": words})], at_ms=1)
        self.raw = tx.add_raw("prod", "alertmanager", words.encode(), received_at=NOW)
        tx.save_alerts([stored_alert(self.fingerprint, self.incident, words)])
        tx.first_delivery("prod", "id:1", at=NOW)
        tx.save_changes("prod", [change(words)])
        tx.insert_incident(incident_row(self.incident, 77, words))
        self.due = tx.add_task(TaskKind.REVIEW, self.incident, words, due_at=0.0)
        claimed = tx.claim_task(
            tx.add_task(TaskKind.REVIEW, self.incident, words, due_at=0.0), now=1.0, lease_s=9.0
        )
        assert claimed is not None
        self.task: Task = claimed
        tx.doubt_message(tx.want_message(self.incident, MessageKind.EVIDENCE, text=words, now=0.0))
        self.message = tx.want_message(self.incident, MessageKind.NOTICE, key="k", text=words, now=0.0)
        tx.sent_message(self.message, ts="1.2", revision=0, next_at=0.0, now=0.0)
        for state in PLAN_HASHES:
            plan = replace(samples.plan(), incident=self.incident, tenant=words, title=words, nonce=state)
            self.hashes[state] = tx.add_plan(plan)
        for state in PLAN_HASHES[1:]:
            tx.move_plan(self.hashes[state], to=PlanState.GRANTED, frm=(PlanState.PROPOSED,))
            tx.add_grant(grant(self.hashes[state], words))
        assert tx.claim_plan(self.hashes["running"], holder=words, now=NOW, lease_s=9.0) == 1
        assert tx.intend_step(step(self.hashes["running"], "one", words), epoch=1)
        tx.set_switch("tenant", True, by=words, at=NOW)
        assert tx.add_freeze(FreezeWindow("fr", "tenant", NOW, NOW + 9, words, words))
        tx.admit(self.hashes["running"], ["action:a"], at=NOW)
        tx.count_refusal(self.incident, "U1", now=NOW, window_s=60.0)
        tx.take_lease("outbox", holder=words, now=NOW, ttl_s=99.0)
        tx.add_planned_event(PlannedEvent("ev", words, NOW, NOW + 9, ("checkout",), words))
        tx.record_inbox("click:1", "click", {"text": words}, at=NOW)
        self.inbox = tx.pending_inbox(limit=1)[0].id
        tx.save_topology(Topology({words: ("checkout",)}, {}, NOW))
        tx.save_everyday(words, at=NOW)
        tx.save_taught(Taught(frozenset({(words, "checkout")})), at=NOW)
        tx.beat(words, at=NOW)
        tx.save_approvers([words], at=NOW)
        tx.save_postmortem(self.incident, words, at=NOW)
        tx.save_baseline("checkout", words.encode(), at=NOW)
        self.order = standing_order(words)
        tx.add_order(self.order)
        assert tx.add_signature(order_signature(self.order, words))
        assert tx.move_order(self.order.hash, to=OrderState.LIVE, live_seq=1)
        assert tx.fire_order(self.order.hash, words, incident=self.incident, targets=["uid"], at=NOW)
        tx.set_tier(TierRow("tenant", "supervised", words, 1))

    def reads(self) -> dict[str, Call]:
        """Every method that only looks."""
        plan = self.hashes["running"]
        return {
            "events": lambda tx: tx.events(self.incident),
            "incident": lambda tx: tx.incident(self.incident),
            "chains": lambda tx: self.incident in tx.chains() and HIT,
            "head": lambda tx: tx.head(self.incident) and HIT,
            "pending_raw": lambda tx: tx.pending_raw(limit=99),
            "oldest_pending_raw": lambda tx: tx.oldest_pending_raw() and HIT,
            "alerts": lambda tx: tx.alerts([self.fingerprint]),
            "incident_alerts": lambda tx: tx.incident_alerts(self.incident, limit=99),
            "firing_count": lambda tx: tx.firing_count(self.incident) and HIT,
            "some_alerts": lambda tx: tx.some_alerts(self.incident, limit=99),
            "alerting": lambda tx: tx.alerting(self.incident) and HIT,
            "firing_by_service": lambda tx: tx.firing_by_service(self.incident) and HIT,
            "changes": lambda tx: tx.changes(start=0.0, end=2 * NOW),
            "open_incidents": lambda tx: tx.open_incidents(),
            "all_incidents": lambda tx: tx.all_incidents(limit=99),
            "incident_row": lambda tx: tx.incident_row(self.incident),
            "incident_at": lambda tx: tx.incident_at("C0THEIRS", "1.1"),
            "next_number": lambda tx: tx.next_number() > 77 and HIT,
            "due_tasks": lambda tx: self.due in tx.due_tasks(now=NOW) and HIT,
            "next_work_at": lambda tx: tx.next_work_at() and HIT,
            "due_messages": lambda tx: tx.due_messages(now=NOW, limit=99),
            "next_message_at": lambda tx: tx.next_message_at() and HIT,
            "waits_for_another": lambda tx: (
                tx.waits_for_another(later(self.incident, self.message), now=NOW) and HIT
            ),
            "message": lambda tx: tx.message(self.incident, MessageKind.NOTICE, key="k"),
            "posted_count": lambda tx: tx.posted_count(self.incident) and HIT,
            "plan": lambda tx: tx.plan(plan),
            "plans_of": lambda tx: tx.plans_of(self.incident),
            "grant": lambda tx: tx.grant(plan),
            "next_plan_at": lambda tx: tx.next_plan_at() is not None and HIT,
            "running_plans": lambda tx: set(tx.running_plans()) & set(self.hashes.values()) and HIT,
            "claimable_plans": lambda tx: (
                set(tx.claimable_plans(now=NOW + 99)) & set(self.hashes.values()) and HIT
            ),
            "steps": lambda tx: tx.steps(plan),
            "switched_on": lambda tx: tx.switched_on(["tenant"]) and HIT,
            "approvers": lambda tx: tx.approvers(),
            "switches_on": lambda tx: tx.switches_on(),
            "freezes": lambda tx: tx.freezes(after=0.0),
            "frozen_by": lambda tx: tx.frozen_by(["tenant"], now=NOW),
            "admitted": lambda tx: tx.admitted(plan) and HIT,
            "admissions": lambda tx: tx.admissions("action:a", since=0.0) and HIT,
            "running_admitted": lambda tx: tx.running_admitted() and HIT,
            "database_now": lambda tx: tx.database_now(now=0.0) and HIT,
            "holds_lease": lambda tx: tx.holds_lease("outbox", 1) and HIT,
            "planned_events": lambda tx: tx.planned_events(start=0, end=2 * NOW),
            "pending_inbox": lambda tx: tx.pending_inbox(limit=99),
            "topology": lambda tx: tx.topology(),
            "taught": lambda tx: tx.taught(),
            "everyday": lambda tx: tx.everyday(),
            "beats": lambda tx: tx.beats(),
            "postmortem": lambda tx: tx.postmortem(self.incident),
            "order": lambda tx: (tx.order(self.order.hash), tx.order("SO-1")),
            "orders": lambda tx: tx.orders(tuple(OrderState)),
            "next_order_id": lambda tx: tx.next_order_id() != "SO-1" and HIT,
            "signatures": lambda tx: tx.signatures(self.order.hash),
            "firings": lambda tx: tx.firings(self.order.hash, since=0.0) and HIT,
            "tiers": lambda tx: tx.tiers(()),
            "baselines": lambda tx: tx.baselines(["checkout"]),
            "stalest_baselines": lambda tx: (
                tx.stalest_baselines(["checkout", "zz"], limit=1) == ["zz"] and HIT
            ),
        }

    def writes(self) -> dict[str, Call]:
        """Every method that changes something, aimed at the other tenant's rows; HIT where it says that it did."""
        plan, granted = self.hashes["running"], self.hashes["granted"]
        gone = (PlanState.PROPOSED, PlanState.GRANTED, PlanState.RUNNING)
        return {
            "add_order": lambda tx: tx.add_order(replace(self.order, id="SO-9", nonce=str(random.random()))),
            "move_order": lambda tx: tx.move_order(self.order.hash, to=OrderState.REVOKED) and HIT,
            "add_signature": lambda tx: tx.add_signature(order_signature(self.order, "ours")),
            "fire_order": lambda tx: tx.fire_order(
                self.order.hash, "x", incident="ours", targets=[str(random.random())], at=NOW
            )
            and HIT,
            "set_tier": lambda tx: tx.set_tier(TierRow("tenant", "observe", "ours", 9)),
            "append": lambda tx: tx.append(self.incident, [NewEvent(EventType.NOTE_ADDED, {})], at_ms=2),
            "add_raw": lambda tx: tx.add_raw("prod", "generic", b"{}", received_at=NOW) == self.raw and HIT,
            "add_raws": lambda tx: tx.add_raws([Arrived("prod", "generic", b"{}", NOW)]),
            "settle_raw": lambda tx: tx.settle_raw([self.raw]),
            "fail_raw": lambda tx: tx.fail_raw(self.raw, "no", quarantine_after=1) and HIT,
            "move_alerts": lambda tx: tx.move_alerts(self.incident, "inc-ours", services=None),
            "save_alerts": lambda tx: tx.save_alerts([stored_alert(self.fingerprint, "inc-ours", "ours")]),
            "first_delivery": lambda tx: not tx.first_delivery("prod", "id:1", at=NOW + 1) and HIT,
            "save_changes": lambda tx: tx.save_changes("prod", [change("ours")]),
            "insert_incident": lambda tx: tx.insert_incident(incident_row(self.incident, 77, "ours")),
            "touch_incident": lambda tx: tx.touch_incident(self.incident, last_alert_at=1.0, services=[]),
            "set_state": lambda tx: tx.set_state(self.incident, IncidentState.RESOLVED),
            "set_severity": lambda tx: tx.set_severity(self.incident, Severity.SEV1),
            "set_place": lambda tx: tx.set_place(self.incident, channel="C0OURS", thread_ts="9.9"),
            "add_task": lambda tx: tx.add_task(TaskKind.REVIEW, self.incident, "x", due_at=0.0) == self.due and HIT,
            "hasten_tasks": lambda tx: tx.hasten_tasks(self.incident, "x", now=0.0),
            "claim_task": lambda tx: tx.claim_task(self.due, now=NOW, lease_s=1.0),
            "finish_task": lambda tx: tx.finish_task(self.task) and HIT,
            "release_task": lambda tx: tx.release_task(self.task, due_at=0.0, reason="x") and HIT,
            "want_message": lambda tx: tx.want_message(self.incident, MessageKind.NOTICE, key="k", now=0.0)
            == self.message
            and HIT,
            "place_message": lambda tx: tx.place_message(self.message, channel="C0OURS", thread_ts="9.9"),
            "doubt_message": lambda tx: tx.doubt_message(self.message),
            "sent_message": lambda tx: tx.sent_message(self.message, ts="9.9", revision=9, next_at=0.0, now=0.0),
            "delay_message": lambda tx: tx.delay_message(self.message, next_at=0.0, reason="x"),
            "withdraw_unseen": lambda tx: tx.withdraw_unseen(self.incident) and None,
            "leave_place": lambda tx: tx.leave_place(self.incident, now=1.0) and HIT,
            "add_plan": lambda tx: tx.add_plan(replace(samples.plan(), nonce=str(random.random()))) in self.hashes.values() and HIT,
            "move_plan": lambda tx: tx.move_plan(plan, to=PlanState.REJECTED, frm=gone) and HIT,
            "add_grant": lambda tx: tx.add_grant(grant(f"of-ours-{random.random()}", "ours")),
            "claim_plan": lambda tx: tx.claim_plan(granted, holder="us", now=NOW, lease_s=9.0) and HIT,
            "renew_plan": lambda tx: tx.renew_plan(plan, epoch=1, now=NOW, lease_s=9.0) and HIT,
            "intend_step": lambda tx: tx.intend_step(step(plan, "two", "ours"), epoch=1) and HIT,
            "settle_step": lambda tx: tx.settle_step(replace(step(plan, "one", "ours"), state=StepState.DONE), epoch=1) and HIT,
            "finish_plan": lambda tx: tx.finish_plan(plan, to=PlanState.DONE, epoch=1) and HIT,
            "set_switch": lambda tx: tx.set_switch("tenant", False, by="us", at=NOW),
            "add_freeze": lambda tx: tx.add_freeze(FreezeWindow("fr", "tenant", 1.0, 2.0, "ours", "us")) and None,
            "lift_freeze": lambda tx: tx.lift_freeze("fr", at=NOW + 1) and HIT,
            "lock_admission": lambda tx: tx.lock_admission(),
            "admit": lambda tx: tx.admit(f"of-ours-{random.random()}", ["action:a"], at=NOW),
            "count_refusal": lambda tx: tx.count_refusal(self.incident, "U1", now=NOW, window_s=60.0)[0] > 1 and HIT,
            "take_lease": lambda tx: tx.take_lease("outbox", holder="us", now=NOW + 999, ttl_s=1.0) != 1 and HIT,
            "add_planned_event": lambda tx: tx.add_planned_event(PlannedEvent("ev", "ours", 0.0, 1.0, (), "us")),
            "record_inbox": lambda tx: tx.record_inbox(f"click:{random.random()}", "click", {}, at=NOW) or HIT,
            "settle_inbox": lambda tx: tx.settle_inbox(self.inbox, note="x"),
            "retry_inbox": lambda tx: tx.retry_inbox(self.inbox, quarantine_after=1),
            "save_everyday": lambda tx: tx.save_everyday("ours", at=NOW),
            "save_taught": lambda tx: tx.save_taught(Taught(frozenset({("a", "b")})), at=NOW),
            "save_topology": lambda tx: tx.save_topology(Topology({"ours": ()}, {}, NOW)),
            "beat": lambda tx: tx.beat("ours", at=1.0),
            "save_approvers": lambda tx: tx.save_approvers(["ours"], at=NOW),
            "save_postmortem": lambda tx: tx.save_postmortem(self.incident, "ours", at=NOW),
            "save_baseline": lambda tx: tx.save_baseline("checkout", b"ours", at=NOW),
        }  # fmt: skip


def rows_of(connection: Connection, tenant: str) -> list[Any]:
    """Every row of a tenant in every table."""
    return [
        (table.name, tuple(row))
        for table in TENANT_TABLES
        for row in connection.execute(select(table).where(table.c.tenant == tenant))
    ]


def port_methods() -> set[str]:
    groups = (Log, Intake, Incidents, Tasks, Outbox, Plans, Gating, Orders, Control, Watching)
    return {name for group in groups for name in vars(group) if not name.startswith("_")}


class Undone(Exception):
    """Takes a transaction back, so that each call meets the same rows."""


def tried(store: SqlStore, call: Call) -> tuple[object, list[Any]]:
    """What the call gave, and the other tenant's rows after it; nothing is kept."""
    got: list[Any] = []

    def work(tx: Transaction) -> None:
        try:
            got.append(call(tx))
        except (WatchkeeperError, ValueError, SQLAlchemyError) as error:
            got.append(type(error).__name__)
        assert isinstance(tx, Part)
        got.append(rows_of(tx._connection, THEIRS))
        raise Undone

    with pytest.raises(Undone):
        store.transact(work)
    return got[0], got[1]


def test_nothing_crosses(promise: Callable[[int], Tally], stores: tuple[SqlStore, SqlStore]) -> None:
    """First with no row of our own, where every hit is theirs; then with a twin of each of their rows."""
    tally, (ours, other), seeded = promise(20), stores, random.Random(20)
    theirs = Filled(other, SECRET)
    reads, writes = theirs.reads(), theirs.writes()
    untried = port_methods() - set(reads) - set(writes)
    assert not untried, f"methods of the store that this test does not try: {sorted(untried)}"
    with other.engine.connect() as connection:
        before = rows_of(connection, THEIRS)
    calls = [*reads.items(), *writes.items()]
    for twins in (False, True):
        if twins:
            try:
                Filled(ours, MINE)
            except (WatchkeeperError, AssertionError) as error:
                tally.broken(f"our own rows meet theirs: {error}")
                break
        for number in range(max(len(calls), tally.size(FULL) // 2)):
            name, call = calls[number] if number < len(calls) else seeded.choice(calls)
            found, after = tried(ours, call)
            tally.check(after == before, f"{name} changed what belongs to the other tenant")
            crossed = SECRET in repr(found) or (found == HIT and not twins)
            tally.check(not crossed, f"{name} gave what belongs to the other tenant")
