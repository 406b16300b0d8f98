"""The gate as a table: every kind of account, class and place, denied unless it is listed as allowed."""

from dataclasses import replace
from typing import Any

import pytest

from bot.domain.canonical import canonical
from bot.domain.gate import (
    Click,
    Facts,
    Rule,
    Verb,
    grant_expiry_ms,
    grant_is_genuine,
    refusal_of,
    sign_grant,
)
from bot.domain.identity import identity_of
from bot.domain.plan import ActionClass, Plan, PlanState
from bot.domain.records import PlanRow
from tests.gate_stage import CARD_TS, HOME, KEY, REASON, ROOM, START, person, rollback_plan
from tests.gate_table import CLASSES, IDENTITIES, MATRIX, ME, PLACES


def row(plan: Plan, state: PlanState = PlanState.PROPOSED) -> PlanRow:
    return PlanRow(plan.hash, plan, canonical(plan.to_json()), state, 0)


def facts(plan: Plan, **changes: Any) -> Facts:
    plain = Facts(
        now=START,
        identity=identity_of(person(ME)),
        members=frozenset({ME, "U0OTHER", "USLACKBOT"}),
        channel_ours=True,
        home_team=HOME,
        cards=frozenset({(ROOM, CARD_TS)}),
        row=row(plan),
        observe_only=False,
    )
    return replace(plain, **changes)


def click(plan: Plan, **changes: Any) -> Click:
    plain = Click(ME, HOME, ROOM, CARD_TS, plan.hash, "inc", Verb.APPROVE, START, reason=REASON)
    return replace(plain, **changes)


def rule(click_: Click, facts_: Facts) -> Rule | None:
    refusal = refusal_of(click_, facts_)
    return refusal.rule if refusal else None


def a_plan(klass: ActionClass = ActionClass.RISKY) -> Plan:
    return rollback_plan("inc", now=START, klass=klass)


@pytest.mark.parametrize(("who", "klass", "where"), MATRIX)
def test_identity_matrix(who: str, klass: ActionClass, where: str) -> None:
    user, by_identity = IDENTITIES[who]
    moved, by_place = PLACES[where]
    plan = a_plan(klass)
    clicker = "USLACKBOT" if who == "slackbot" else ME
    found = rule(click(plan, user=clicker, **moved), facts(plan, identity=identity_of(user)))
    assert found == (by_place or by_identity or CLASSES[klass])


def test_only_members_on_the_card_without_destruction_pass() -> None:
    allowed = [
        (who, klass, where)
        for who, klass, where in MATRIX
        if not (IDENTITIES[who][1] or PLACES[where][1] or CLASSES[klass])
    ]
    assert allowed == [
        ("member", ActionClass.SAFE, "the card"),
        ("member", ActionClass.RISKY, "the card"),
    ]


@pytest.mark.parametrize(
    ("expected", "changed"),
    [
        (Rule.OBSERVE_ONLY, {"observe_only": True}),
        (Rule.WRONG_WORKSPACE, {"home_team": "T0OTHER"}),
        (Rule.WRONG_WORKSPACE, {"home_team": ""}),
        (Rule.CARD_MISMATCH, {"cards": frozenset()}),
        (Rule.UNKNOWN_PLAN, {"row": None}),
        (Rule.PLAN_CHANGED, {"row": None, "damaged": True}),
        (Rule.GROUP_UNREADABLE, {"members": None}),
        (Rule.NOT_IN_GROUP, {"members": frozenset()}),
        (Rule.NOT_IN_GROUP, {"members": frozenset({"U0OTHER"})}),
        (Rule.INCIDENT_CLOSED, {"closed": True}),
        (Rule.FROZEN, {"frozen": "everything"}),
        (Rule.PLANNED_EVENT, {"overtaken": "Autumn launch"}),
        (Rule.CLOCK, {"database_now": START + 121}),
        (Rule.CLOCK, {"database_now": START - 121}),
        (Rule.STALE_CLICK, {"now": START + 121}),
        (Rule.STALE_CLICK, {"now": START - 121}),
    ],
)
def test_each_fact_denies(expected: Rule, changed: dict[str, Any]) -> None:
    plan = a_plan()
    assert rule(click(plan), facts(plan)) is None
    assert rule(click(plan), facts(plan, **changed)) is expected


@pytest.mark.parametrize("state", [state for state in PlanState if state is not PlanState.PROPOSED])
def test_only_a_proposed_plan_is_open(state: PlanState) -> None:
    plan = a_plan()
    expected = Rule.EXPIRED if state is PlanState.EXPIRED else Rule.ALREADY_DECIDED
    assert rule(click(plan), facts(plan, row=row(plan, state))) is expected
    assert rule(click(plan, verb=Verb.REJECT), facts(plan, row=row(plan, state))) is expected


def test_expiry_is_exclusive_and_a_plan_from_the_future_is_none() -> None:
    plan = a_plan()
    end = plan.expires_ms / 1000
    assert rule(click(plan, at=end - 0.001), facts(plan, now=end - 0.001)) is None
    assert rule(click(plan, at=end), facts(plan, now=end)) is Rule.EXPIRED
    early = START - 121
    assert rule(click(plan, at=early), facts(plan, now=early)) is Rule.EXPIRED


def test_destruction_needs_two_people_and_the_typed_name() -> None:
    plan = a_plan(ActionClass.DESTRUCTIVE)
    typed = click(plan, typed_name="basket")
    other = frozenset({"U0OTHER"})
    assert rule(click(plan, typed_name="Basket"), facts(plan, earlier=other)) is Rule.TYPED_NAME
    assert rule(typed, facts(plan)) is Rule.SECOND_APPROVER
    assert rule(typed, facts(plan, earlier=frozenset({ME}))) is Rule.SECOND_APPROVER
    assert rule(typed, facts(plan, earlier=other, requesters=frozenset({"U0OTHER"}))) is Rule.SECOND_APPROVER
    assert rule(typed, facts(plan, earlier=other, requesters=frozenset({ME}))) is Rule.REQUESTER
    assert rule(typed, facts(plan, earlier=other)) is None


def test_order_of_the_rules() -> None:
    """A click that breaks everything is told the first rule; mending one reveals the next, in the order of Rule."""
    plan = a_plan(ActionClass.DESTRUCTIVE)
    broken = click(plan, team="T0OTHER", external=True, channel="C0ELSE", at=START - 500)
    bad = facts(
        plan,
        observe_only=True,
        row=None,
        identity=identity_of({}),
        members=None,
        channel_ours=None,
        closed=True,
        frozen="tenant",
        earlier=frozenset({"U0OTHER"}),
        now=plan.expires_ms / 1000,
    )
    mends: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({}, {"observe_only": False}),
        ({"team": HOME}, {}),
        ({"external": False}, {}),
        ({"channel": ROOM}, {}),
        ({}, {"channel_ours": True}),
        ({}, {"row": row(plan, PlanState.GRANTED)}),
        ({}, {"identity": identity_of(person(ME))}),
        ({}, {"members": frozenset({ME})}),
        ({"typed_name": "basket"}, {}),
        ({}, {"closed": False}),
        ({}, {"frozen": None}),
        ({"at": plan.expires_ms / 1000}, {}),
        ({"at": START}, {"now": START}),
    ]
    seen = []
    for clicked, told in mends:
        seen.append(rule(broken, bad))
        broken, bad = replace(broken, **clicked), replace(bad, **told)
    seen.append(rule(broken, bad))
    assert seen == [
        Rule.OBSERVE_ONLY,
        Rule.WRONG_WORKSPACE,
        Rule.SHARED_CHANNEL,
        Rule.CARD_MISMATCH,
        Rule.CHANNEL_UNREADABLE,
        Rule.UNKNOWN_PLAN,
        Rule.USER_UNREADABLE,
        Rule.GROUP_UNREADABLE,
        Rule.TYPED_NAME,
        Rule.INCIDENT_CLOSED,
        Rule.FROZEN,
        Rule.STALE_CLICK,
        Rule.EXPIRED,
        Rule.ALREADY_DECIDED,
    ]
    order = list(Rule)
    assert [order.index(found) for found in seen if found] == sorted(
        order.index(found) for found in seen if found
    )


def test_undo_only_of_what_ended_and_can_be_reversed() -> None:
    plan = a_plan()
    ended = {PlanState.DONE, PlanState.FAILED, PlanState.STOPPED}
    for state in PlanState:
        expected = None if state in ended else Rule.NOTHING_TO_UNDO
        assert rule(click(plan, verb=Verb.UNDO), facts(plan, row=row(plan, state))) is expected
    lasting = replace(plan, steps=(replace(plan.steps[0], undo_params=None, undo_command=None),))
    done = facts(lasting, row=row(lasting, PlanState.DONE))
    assert rule(click(lasting, verb=Verb.UNDO), done) is Rule.NOTHING_TO_UNDO


def test_a_grant_is_bound_to_every_field_and_to_the_key() -> None:
    fields: dict[str, Any] = {
        "plan_hash": "a" * 64,
        "approver": ME,
        "team": HOME,
        "channel": ROOM,
        "message_ts": CARD_TS,
        "granted_ms": 1,
        "expires_ms": 2,
        "nonce": "n",
    }
    grant = sign_grant(**fields, key=KEY)
    assert grant_is_genuine(grant, KEY)
    assert not grant_is_genuine(grant, b"h" * 32)
    for name, value in fields.items():
        forged = replace(grant, **{name: value + 1 if isinstance(value, int) else value + "x"})
        assert not grant_is_genuine(forged, KEY), name
    assert not grant_is_genuine(replace(grant, mac=b""), KEY)
    with pytest.raises(ValueError, match="32 bytes"):
        sign_grant(**fields, key=b"short")


def test_destructive_grants_live_half_as_long() -> None:
    assert grant_expiry_ms(ActionClass.SAFE, 0) == grant_expiry_ms(ActionClass.RISKY, 0) == 600_000
    assert grant_expiry_ms(ActionClass.DESTRUCTIVE, 0) == 300_000


@pytest.mark.parametrize(
    "reason", ["", "...", "\u200b\u200b\u200b\u200b", "ok", " - - - ", "\u2800\u2800\u2800", "x" * 301]
)
def test_a_risky_plan_is_not_approved_without_words(reason: str) -> None:
    plan = a_plan(ActionClass.RISKY)
    assert rule(click(plan, reason=reason), facts(plan)) is Rule.NO_REASON
    assert rule(click(plan, reason="falsch konfiguriert"), facts(plan)) is None
    assert rule(click(plan, reason="設定の誤り"), facts(plan)) is None
