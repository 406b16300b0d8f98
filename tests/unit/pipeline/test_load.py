"""Approval load: so many open proposals in a channel and no more; what waits is said, and offered when there is room."""

from typing import Any

from bot.adapters.store.sql import SqlStore
from bot.blocks import card
from bot.blocks.shape import Place
from bot.domain.event import EventType
from bot.domain.incident import Severity
from bot.domain.plan import PlanState
from bot.pipeline.declare import declare_by_hand
from bot.pipeline.load import MOST_OPEN, record_or_queue, release_queued
from bot.pipeline.propose import Proposed
from tests.gate_stage import START, rollback_plan


def offered(store: SqlStore, name: str, *, severity: Severity = Severity.SEV3, channel: str = "") -> int:
    """Declare an incident and offer it one plan; how many options came of it."""

    def work(tx: Any) -> int:
        if tx.incident_row(name) is None:
            declare_by_hand(
                tx, incident=name, title=name, severity=severity, by="U1", now=START, observe_only=False
            )
            if channel:
                tx.set_place(name, channel=channel, thread_ts="1.1")
        plan = rollback_plan(name, now=START)
        return record_or_queue(tx, name, Proposed((("A", plan),), ()), now=START)

    return store.transact(work)


def open_plans(store: SqlStore, incident: str) -> list[str]:
    rows = store.read(lambda tx: tx.plans_of(incident))
    return [row.hash for row in rows if row.state is PlanState.PROPOSED]


def queued(store: SqlStore, incident: str) -> bool:
    found = store.read(lambda tx: tx.incident(incident))
    assert found is not None
    return found.queued


def test_the_sixth_waits_says_so_and_follows_when_one_is_decided(store: SqlStore) -> None:
    assert [offered(store, f"i{number}") for number in range(MOST_OPEN + 1)] == [1] * MOST_OPEN + [0]
    last = f"i{MOST_OPEN}"
    assert (open_plans(store, last), queued(store, last)) == ([], True)
    incident = store.read(lambda tx: tx.incident(last))
    assert incident is not None
    assert "Options wait: enough proposals are open" in str(card.render(incident, Place()).blocks)
    assert release_queued(store, now=START) == []
    (first,) = open_plans(store, "i0")
    store.transact(lambda tx: tx.move_plan(first, to=PlanState.REJECTED, frm=(PlanState.PROPOSED,)))
    assert len(release_queued(store, now=START)) == 1
    assert (queued(store, last), release_queued(store, now=START)) == (False, [])
    assert offered(store, last) == 1
    kinds = [event.type for event in store.read(lambda tx: tx.events(last))]
    assert kinds.count(EventType.OPTIONS_QUEUED) == kinds.count(EventType.INVESTIGATION_REQUESTED) == 1


def test_a_channel_of_its_own_is_not_crowded_by_others(store: SqlStore) -> None:
    for number in range(MOST_OPEN):
        offered(store, f"i{number}", channel="C0ALERTS")
    assert offered(store, "crowded", channel="C0ALERTS") == 0
    assert offered(store, "major", severity=Severity.SEV1, channel="C0MAJOR") == 1


def test_expired_proposals_crowd_nobody(store: SqlStore) -> None:
    for number in range(MOST_OPEN + 1):
        offered(store, f"i{number}")
    assert len(release_queued(store, now=START + 900)) == 1


def test_room_for_one_lets_one_of_two_follow(store: SqlStore) -> None:
    for number in range(MOST_OPEN + 2):
        offered(store, f"i{number}")
    (first,) = open_plans(store, "i0")
    store.transact(lambda tx: tx.move_plan(first, to=PlanState.REJECTED, frm=(PlanState.PROPOSED,)))
    assert len(release_queued(store, now=START)) == 1


def test_one_incident_has_one_open_proposal(store: SqlStore) -> None:
    offered(store, "one")
    (before,) = open_plans(store, "one")
    offered(store, "one")
    (after,) = open_plans(store, "one")
    assert after != before
