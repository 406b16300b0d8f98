"""approve on a real store: grants, refusals, rejections, undo, expiry and races."""

import threading
from dataclasses import replace
from typing import Any

import pytest

from bot.adapters.chat.memory import MemoryChat
from bot.adapters.store.sql import SqlStore
from bot.domain.event import EventType, NewEvent, first_break
from bot.domain.gate import Click, Rule, Verb, grant_is_genuine
from bot.domain.identity import ours_alone
from bot.domain.incident import IncidentState
from bot.domain.incident_fold import option_of
from bot.domain.plan import ActionClass, PlanState
from bot.domain.records import MessageKind, StepRow, StepState
from bot.domain.scope import scope_words
from bot.pipeline.approve import ApprovalOutcome, Outcome, expire_plans
from bot.pipeline.propose import Proposed, record_proposal
from tests.gate_stage import CARD_TS, HOME, KEY, ROOM, START, Stage, stage


def state(on: Stage, plan_hash: str) -> PlanState:
    row = on.store.read(lambda tx: tx.plan(plan_hash))
    assert row is not None
    return row.state


def finished(on: Stage, plan_hash: str, *, to: PlanState = PlanState.DONE) -> None:
    """What the executor leaves behind: a claimed plan, one done step, an end."""

    def work(tx: Any) -> None:
        epoch = tx.claim_plan(plan_hash, holder="executor", now=on.clock.at, lease_s=15.0)
        row = StepRow(plan_hash, "rollback", "do", StepState.INTENDED, "token", {}, "", 1)
        assert tx.intend_step(row, epoch=epoch)
        assert tx.settle_step(replace(row, state=StepState.DONE), epoch=epoch)
        assert tx.finish_plan(plan_hash, to=to, epoch=epoch)

    on.store.transact(work)


def test_an_approval_is_one_grant_one_event_and_a_fresh_card(store: SqlStore) -> None:
    on = stage(store)
    plan = on.plans[0]
    before = store.read(lambda tx: tx.message(on.incident, MessageKind.PROPOSAL))
    outcome = on.decide(on.click(reason="errors since the release"))
    assert (outcome.outcome, outcome.rule, outcome.plan_hash) == (Outcome.GRANTED, "", plan.hash)
    grant = store.read(lambda tx: tx.grant(plan.hash))
    assert grant is not None
    assert grant_is_genuine(grant, KEY)
    assert (grant.approver, grant.team, grant.channel, grant.message_ts) == ("U0FIRST", HOME, ROOM, CARD_TS)
    assert (grant.granted_ms, grant.expires_ms) == (START * 1000, START * 1000 + 600_000)
    assert state(on, plan.hash) is PlanState.GRANTED
    assert on.events("approval_granted") == [
        {
            "plan_hash": plan.hash,
            "by": "U0FIRST",
            "at_ms": START * 1000,
            "reason": "errors since the release",
        }
    ]
    after = store.read(lambda tx: tx.message(on.incident, MessageKind.PROPOSAL))
    assert before is not None
    assert after is not None
    assert after.wanted == before.wanted + 1
    incident = store.read(lambda tx: tx.incident(on.incident))
    assert incident is not None
    option = option_of(incident, plan.hash)
    assert option is not None
    assert (option.state, option.approved_by) == (PlanState.GRANTED, "U0FIRST")


def test_the_second_clicker_is_told_who_was_first(store: SqlStore) -> None:
    on = stage(store)
    on.decide(on.click())
    late = on.decide(on.click("U0SECOND"))
    assert (late.outcome, late.rule) == (Outcome.TOO_LATE, Rule.ALREADY_DECIDED)
    assert "<@U0FIRST> approved option A at 22:13:20 UTC" in late.text
    assert len(on.events("approval_granted")) == 1
    assert on.events("approval_refused")[0]["by"] == "U0SECOND"


@pytest.mark.parametrize(
    ("user", "rule"),
    [
        ("U0COLLEAGUE", Rule.NOT_IN_GROUP),
        ("U0GUEST", Rule.GUEST),
        ("U0BOT", Rule.BOT),
        ("U0GONE", Rule.USER_UNREADABLE),
    ],
)
@pytest.mark.parametrize("verb", list(Verb))
def test_the_wrong_person_is_refused_and_audited(store: SqlStore, user: str, rule: Rule, verb: Verb) -> None:
    on = stage(store)
    outcome = on.decide(on.click(user, verb))
    assert (outcome.outcome, outcome.rule) == (Outcome.REFUSED, rule)
    refused = on.events("approval_refused")
    assert [(body["by"], body["rule"], body["plan_hash"]) for body in refused] == [
        (user, rule, on.plans[0].hash)
    ]
    assert state(on, on.plans[0].hash) is PlanState.PROPOSED
    assert store.read(lambda tx: tx.grant(on.plans[0].hash)) is None


def test_an_unreadable_group_means_no(store: SqlStore) -> None:
    on = stage(store)
    on.settings["approver_group"] = "renamed"
    assert on.decide(on.click()).rule == Rule.GROUP_UNREADABLE


def test_a_click_on_a_look_alike_card_is_refused(store: SqlStore) -> None:
    on, other = stage(store), stage(store)
    assert on.decide(on.click(message_ts="1700000000.000999")).rule == Rule.CARD_MISMATCH
    assert on.decide(on.click(plan_hash=other.plans[0].hash)).rule == Rule.UNKNOWN_PLAN
    assert on.decide(on.click(incident=other.incident)).rule == Rule.UNKNOWN_PLAN
    assert on.decide(on.click(incident="no-such")).rule == Rule.CARD_MISMATCH
    assert on.decide(on.click(plan_hash="é" * 300)).rule == Rule.UNKNOWN_PLAN
    assert not on.events("approval_granted")


def test_an_option_that_was_replaced_cannot_be_approved(store: SqlStore) -> None:
    on = stage(store)
    fresh = replace(on.plans[0], nonce="fresh")
    store.transact(lambda tx: record_proposal(tx, on.incident, Proposed((("A", fresh),), ()), now=START + 1))
    assert on.decide(on.click()).rule == Rule.UNKNOWN_PLAN
    assert state(on, on.plans[0].hash) is PlanState.EXPIRED
    assert on.decide(on.click(plan_hash=fresh.hash)).outcome is Outcome.GRANTED


def test_observe_mode_freeze_and_closed_incident(store: SqlStore) -> None:
    on = stage(store)
    on.settings["observe_only"] = True
    assert on.decide(on.click()).rule == Rule.OBSERVE_ONLY
    on.settings["observe_only"] = False
    for scope in ("tenant", f"incident:{on.incident}", "service:basket", "action:kubectl/rollout-undo"):
        store.transact(lambda tx, scope=scope: tx.set_switch(scope, True, by="U0FIRST", at=START))
        refused = on.decide(on.click())
        assert (refused.rule, scope_words(scope) in refused.text) == (Rule.FROZEN, True)
        store.transact(lambda tx, scope=scope: tx.set_switch(scope, False, by="U0FIRST", at=START))
    body = {"to": IncidentState.RESOLVED.value, "reason": "over", "by": ""}
    store.transact(lambda tx: tx.append(on.incident, [NewEvent(EventType.STATUS_CHANGED, body)], at_ms=1))
    assert on.decide(on.click()).rule == Rule.INCIDENT_CLOSED


def test_reject_is_final(store: SqlStore) -> None:
    on = stage(store)
    rejected = on.decide(on.click("U0SECOND", Verb.REJECT, reason="too risky now"))
    assert rejected.outcome is Outcome.REJECTED
    assert on.events("plan_rejected") == [
        {"plan_hash": on.plans[0].hash, "by": "U0SECOND", "why": "too risky now"}
    ]
    assert on.decide(on.click()).rule == Rule.ALREADY_DECIDED
    assert state(on, on.plans[0].hash) is PlanState.REJECTED


def test_a_destructive_plan_takes_two_people(store: SqlStore) -> None:
    on = stage(store, klass=ActionClass.DESTRUCTIVE)
    assert on.decide(on.click()).rule == Rule.TYPED_NAME
    assert on.decide(on.click(typed_name="basket")).rule == Rule.SECOND_APPROVER
    assert on.decide(on.click(typed_name="basket")).rule == Rule.SECOND_APPROVER
    second = on.decide(on.click("U0SECOND", typed_name="basket"))
    assert second.outcome is Outcome.GRANTED
    grant = store.read(lambda tx: tx.grant(on.plans[0].hash))
    assert grant is not None
    assert grant.expires_ms - grant.granted_ms == 300_000


def test_expired_plans_are_closed_once(store: SqlStore) -> None:
    on = stage(store, letters="AB")
    on.decide(on.click())
    assert expire_plans(store, START + 899.9) == 0
    assert expire_plans(store, START + 900) == 1
    assert expire_plans(store, START + 900) == 0
    assert [body["plan_hash"] for body in on.events("plan_expired")] == [on.plans[1].hash]
    assert state(on, on.plans[0].hash) is PlanState.GRANTED
    on.clock.at = START + 900
    assert on.decide(on.click(plan_hash=on.plans[1].hash)).rule == Rule.EXPIRED


def test_undo_is_a_plan_of_its_own_granted_at_once(store: SqlStore) -> None:
    on = stage(store)
    plan = on.plans[0]
    assert on.decide(on.click(verb=Verb.UNDO)).rule == Rule.NOTHING_TO_UNDO
    on.decide(on.click())
    finished(on, plan.hash)
    undone = on.decide(on.click("U0SECOND", Verb.UNDO))
    assert undone.outcome is Outcome.UNDO_GRANTED
    row = store.read(lambda tx: tx.plan(undone.plan_hash))
    grant = store.read(lambda tx: tx.grant(undone.plan_hash))
    assert row is not None
    assert grant is not None
    assert (row.state, row.plan.undoes) == (PlanState.GRANTED, plan.hash)
    assert row.plan.steps[0].params == {"to_revision": 7, "to_template": "bbbb7"}
    assert grant_is_genuine(grant, KEY)
    incident = store.read(lambda tx: tx.incident(on.incident))
    assert incident is not None
    option = option_of(incident, undone.plan_hash)
    assert option is not None
    assert (option.letter, option.approved_by) == ("undo-A", "U0SECOND")
    again = on.decide(on.click(verb=Verb.UNDO))
    assert (again.outcome, again.rule) == (Outcome.TOO_LATE, Rule.ALREADY_DECIDED)


def test_nothing_done_means_nothing_to_undo(store: SqlStore) -> None:
    on = stage(store)
    on.decide(on.click())

    def work(tx: Any) -> None:
        epoch = tx.claim_plan(on.plans[0].hash, holder="executor", now=START, lease_s=15.0)
        assert tx.finish_plan(on.plans[0].hash, to=PlanState.FAILED, epoch=epoch)

    store.transact(work)
    outcome = on.decide(on.click(verb=Verb.UNDO))
    assert outcome.rule == Rule.NOTHING_TO_UNDO
    assert "nothing that this plan did is left to undo" in outcome.text


def together(on: Stage, clicks: list[Click]) -> list[ApprovalOutcome]:
    """All clicks at the same moment, each in a thread of its own."""
    gate = threading.Barrier(len(clicks))
    outcomes: list[ApprovalOutcome] = []

    def press(click: Click) -> None:
        gate.wait()
        outcomes.append(on.decide(click))

    threads = [threading.Thread(target=press, args=(click,)) for click in clicks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


@pytest.mark.parametrize("trial", range(5))
def test_eight_approvers_give_one_grant(store: SqlStore, trial: int) -> None:
    on = stage(store)
    clicks = [on.click("U0FIRST" if number % 2 else "U0SECOND") for number in range(8)]
    outcomes = together(on, clicks)
    assert [one.outcome for one in outcomes].count(Outcome.GRANTED) == 1
    assert [one.outcome for one in outcomes].count(Outcome.TOO_LATE) == 7
    assert len(on.events("approval_granted")) == 1
    winner = on.events("approval_granted")[0]["by"]
    assert all(f"<@{winner}>" in one.text for one in outcomes if one.outcome is Outcome.TOO_LATE)


@pytest.mark.parametrize("trial", range(5))
def test_approve_against_reject_has_one_winner(store: SqlStore, trial: int) -> None:
    on = stage(store)
    verbs = [Verb.APPROVE, Verb.REJECT] * 4
    outcomes = together(on, [on.click("U0SECOND", verb) for verb in verbs])
    decided = [one.outcome for one in outcomes if one.outcome in (Outcome.GRANTED, Outcome.REJECTED)]
    assert len(decided) == 1
    granted = decided == [Outcome.GRANTED]
    assert (store.read(lambda tx: tx.grant(on.plans[0].hash)) is not None) is granted
    assert state(on, on.plans[0].hash) is (PlanState.GRANTED if granted else PlanState.REJECTED)


def test_eight_undos_give_one_undo_plan(store: SqlStore) -> None:
    on = stage(store)
    on.decide(on.click())
    finished(on, on.plans[0].hash)
    outcomes = together(on, [on.click("U0SECOND", Verb.UNDO) for _ in range(8)])
    assert [one.outcome for one in outcomes].count(Outcome.UNDO_GRANTED) == 1
    rows = store.read(lambda tx: tx.plans_of(on.incident))
    assert [row.plan.undoes for row in rows].count(on.plans[0].hash) == 1


def test_the_log_of_many_refusals_stays_whole(store: SqlStore) -> None:
    on = stage(store)
    for _ in range(5):
        on.decide(on.click("U0COLLEAGUE"))
    events = store.read(lambda tx: tx.events(on.incident))
    head = store.read(lambda tx: tx.head(on.incident))
    assert first_break(b"a" * 32, ((e.seq, e.record, e.mac) for e in events), head) is None


@pytest.mark.parametrize("verb", list(Verb))
def test_a_channel_that_another_workspace_reads_decides_nothing(store: SqlStore, verb: Verb) -> None:
    """Interactions do not say whether their channel is shared, so that Slack is asked; a form names a channel only."""
    on = stage(store)
    chat = on.chat
    assert isinstance(chat, MemoryChat)
    chat.shared.add(ROOM)
    assert on.decide(on.click(verb=verb)).rule == Rule.SHARED_CHANNEL
    chat.shared.clear()
    del chat.channels[ROOM]
    assert on.decide(on.click(verb=verb)).rule == Rule.CHANNEL_UNREADABLE
    assert state(on, on.plans[0].hash) is PlanState.PROPOSED


def test_what_a_channel_object_leaves_out_counts_against_it() -> None:
    assert ours_alone({"is_ext_shared": False, "is_pending_ext_shared": False})
    assert ours_alone({"is_ext_shared": False, "is_org_shared": True, "is_shared": True})
    for shared in ({}, {"is_ext_shared": True}, {"is_ext_shared": None}, {"is_ext_shared": 0}):
        assert not ours_alone(shared)
    assert not ours_alone({"is_ext_shared": False, "is_pending_ext_shared": True})


def test_a_burst_of_refused_clicks_is_told_each_time_and_logged_a_few_times(store: SqlStore) -> None:
    on = stage(store)
    for _ in range(200):
        assert "not in the approver group" in on.decide(on.click("U0COLLEAGUE")).text
        on.clock.at += 0.1
    assert on.decide(on.click("U0GUEST")).rule == Rule.GUEST
    assert [body["by"] for body in on.events("approval_refused")] == ["U0COLLEAGUE"] * 5 + ["U0GUEST"]
    on.clock.at += 60
    on.decide(on.click("U0COLLEAGUE"))
    assert on.events("approval_refused")[-1]["unlogged"] == 195
    incident = store.read(lambda tx: tx.incident(on.incident))
    assert incident is not None
    assert "195 more refusals went before it" in incident.timeline[-1].text


def test_an_undo_has_an_age(store: SqlStore) -> None:
    on = stage(store)
    on.settings["undo_max_age_s"] = 600.0
    on.decide(on.click())
    finished(on, on.plans[0].hash)
    ended = {"plan_hash": on.plans[0].hash, "state": "done", "text": ""}
    event = NewEvent(EventType.EXECUTION_FINISHED, ended)
    store.transact(lambda tx: tx.append(on.incident, [event], at_ms=round(START * 1000)))
    on.clock.at = START + 600.1
    late = on.decide(on.click(verb=Verb.UNDO))
    assert (late.rule, "ran more than 0.167 h ago" in late.text) == (Rule.UNDO_TOO_OLD, True)
    on.clock.at = START + 600
    assert on.decide(on.click(verb=Verb.UNDO)).outcome is Outcome.UNDO_GRANTED
