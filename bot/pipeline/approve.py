"""approve: from a click to one grant, a rejection, an undo or a reasoned refusal; text never gets here.

Who clicked is read from Slack first; then one transaction re-checks everything, moves the plan by one
compare-and-set, stores the grant and writes the event. Whoever comes second is told who was first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from bot.domain.canonical import digest
from bot.domain.errors import Permanent, WatchkeeperError
from bot.domain.event import EventType, NewEvent
from bot.domain.gate import (
    Click,
    Facts,
    Refusal,
    Rule,
    Verb,
    freeze_scopes,
    grant_expiry_ms,
    refusal_of,
    shows,
    sign_grant,
)
from bot.domain.identity import UNREADABLE, Identity, identity_of, ours_alone
from bot.domain.incident import Incident
from bot.domain.incident_fold import option_of
from bot.domain.plan import Plan, PlanState
from bot.domain.records import MessageKind, PlanRow
from bot.domain.undo import undo_plan
from bot.ports import Chat, Clock, Store, Transaction

_CARDS = (MessageKind.PROPOSAL, MessageKind.CARD)
_NEVER_RAN = (PlanState.REFUSED, PlanState.EXPIRED, PlanState.REJECTED)
_LONGEST = 64


class Outcome(StrEnum):
    """How a click ended."""

    GRANTED = "granted"
    UNDO_GRANTED = "undo_granted"
    REJECTED = "rejected"
    REFUSED = "refused"
    TOO_LATE = "too_late"


@dataclass(frozen=True, slots=True)
class ApprovalOutcome:
    """`rule` is empty unless a rule said no; `text` is for the person who clicked, and nobody else.

    `plan_hash` names the plan that was decided: for an undo the new one.
    """

    outcome: Outcome
    rule: str
    text: str
    plan_hash: str


@dataclass(frozen=True, slots=True)
class _Caller:
    identity: Identity
    members: frozenset[str] | None
    channel_ours: bool | None


@dataclass(frozen=True, slots=True)
class _Gate:
    clock: Clock
    grant_key: bytes
    home_team: str
    observe_only: bool


def approve(
    click: Click,
    *,
    store: Store,
    chat: Chat,
    clock: Clock,
    grant_key: bytes,
    approver_group: str,
    home_team: str,
    observe_only: bool,
) -> ApprovalOutcome:
    """Decide one click; raises only Retryable, when the store is away and nothing was decided."""
    identity, members = _identity(chat, click.user), _members(chat, approver_group)
    caller = _Caller(identity, members, _ours(chat, click.channel))
    gate = _Gate(clock, grant_key, home_team, observe_only)
    return store.transact(lambda tx: _decide(tx, click, caller, gate))


def expire_plans(store: Store, now: float) -> int:
    """Close every proposal whose time has passed, `now` in unix seconds; returns how many."""

    def work(tx: Transaction) -> int:
        return sum(
            _expire(tx, row, now) for incident in tx.open_incidents() for row in tx.plans_of(incident.id)
        )

    overdue = store.read(
        lambda tx: any(
            _overdue(row, now) for incident in tx.open_incidents() for row in tx.plans_of(incident.id)
        )
    )
    return store.transact(work) if overdue else 0


def _overdue(row: PlanRow, now: float) -> bool:
    return row.state is PlanState.PROPOSED and row.plan.expires_ms <= now * 1000


def _expire(tx: Transaction, row: PlanRow, now: float) -> bool:
    if not _overdue(row, now) or not tx.move_plan(row.hash, to=PlanState.EXPIRED, frm=(PlanState.PROPOSED,)):
        return False
    _log(tx, row.plan.incident, NewEvent(EventType.PLAN_EXPIRED, {"plan_hash": row.hash}), now)
    return True


def _identity(chat: Chat, user: str) -> Identity:
    try:
        return identity_of(chat.user(user))
    except WatchkeeperError:
        return UNREADABLE


def _members(chat: Chat, group: str) -> frozenset[str] | None:
    try:
        return frozenset(chat.group_members(group))
    except WatchkeeperError:
        return None


def _ours(chat: Chat, channel: str) -> bool | None:
    try:
        return ours_alone(chat.channel(channel))
    except WatchkeeperError:
        return None


def _decide(tx: Transaction, click: Click, caller: _Caller, gate: _Gate) -> ApprovalOutcome:
    now = gate.clock.now()
    incident = tx.incident(click.incident)
    row, damaged = _stored(tx, click.plan_hash)
    shown = option_of(incident, click.plan_hash) if incident else None
    if shown is None:
        row, damaged = None, False
    elif not shows(shown.plan, click.plan_hash):
        damaged = True
    facts = Facts(
        now=now,
        identity=caller.identity,
        members=caller.members,
        channel_ours=caller.channel_ours,
        home_team=gate.home_team,
        cards=_cards(tx, click.incident),
        row=row,
        observe_only=gate.observe_only,
        damaged=damaged,
        frozen=tx.switched_on(freeze_scopes(row.plan)) if row else None,
        earlier=_earlier(incident, click.plan_hash),
        closed=incident is not None and not incident.state.open,
    )
    refusal = refusal_of(click, facts)
    if refusal is None and click.verb is Verb.UNDO:
        refusal = _undone_before(tx, click)
    if refusal is not None or row is None:
        return _refuse(tx, click, incident, refusal, now)
    return _VERBS[click.verb](tx, click, row.plan, gate, now)


def _stored(tx: Transaction, plan_hash: str) -> tuple[PlanRow | None, bool]:
    """The row, and whether there is one that no longer reads as a plan."""
    try:
        return tx.plan(plan_hash), False
    except (KeyError, TypeError, ValueError):
        return None, True


def _cards(tx: Transaction, incident: str) -> frozenset[tuple[str, str]]:
    messages = [tx.message(incident, kind) for kind in _CARDS]
    return frozenset((message.channel, message.ts) for message in messages if message and message.ts)


def _earlier(incident: Incident | None, plan_hash: str) -> frozenset[str]:
    option = option_of(incident, plan_hash) if incident else None
    refusals = option.refusals if option else ()
    return frozenset(by for by, rule in refusals if rule == Rule.SECOND_APPROVER)


def _approve(tx: Transaction, click: Click, plan: Plan, gate: _Gate, now: float) -> ApprovalOutcome:
    if not tx.move_plan(plan.hash, to=PlanState.GRANTED, frm=(PlanState.PROPOSED,)):
        return _refuse(tx, click, tx.incident(click.incident), None, now)
    _grant(tx, click, plan, gate, now, {})
    text = f"You approved option {plan.option} (plan {plan.hash[:8]}); it runs now, follow it on the card."
    return ApprovalOutcome(Outcome.GRANTED, "", text, plan.hash)


def _reject(tx: Transaction, click: Click, plan: Plan, gate: _Gate, now: float) -> ApprovalOutcome:
    if not tx.move_plan(plan.hash, to=PlanState.REJECTED, frm=(PlanState.PROPOSED,)):
        return _refuse(tx, click, tx.incident(click.incident), None, now)
    body = {"plan_hash": plan.hash, "by": click.user, "why": click.reason}
    _log(tx, click.incident, NewEvent(EventType.PLAN_REJECTED, body), now)
    text = f"You rejected option {plan.option} (plan {plan.hash[:8]}); it can never run."
    return ApprovalOutcome(Outcome.REJECTED, "", text, plan.hash)


def _undo(tx: Transaction, click: Click, plan: Plan, gate: _Gate, now: float) -> ApprovalOutcome:
    now_ms = round(now * 1000)
    try:
        reverse = undo_plan(plan, tx.steps(plan.hash), now_ms=now_ms, nonce=_nonce(plan, click, now_ms))
    except Permanent as error:
        refusal = Refusal(Rule.NOTHING_TO_UNDO, f"This cannot be undone: {error}.")
        return _refuse(tx, click, tx.incident(click.incident), refusal, now)
    tx.add_plan(reverse)
    tx.move_plan(reverse.hash, to=PlanState.GRANTED, frm=(PlanState.PROPOSED,))
    _grant(tx, click, reverse, gate, now, {"plan": reverse.to_json()})
    text = f"You asked to undo option {plan.option}; plan {reverse.hash[:8]} runs now, follow it on the card."
    return ApprovalOutcome(Outcome.UNDO_GRANTED, "", text, reverse.hash)


_VERBS = {Verb.APPROVE: _approve, Verb.REJECT: _reject, Verb.UNDO: _undo}


def _undone_before(tx: Transaction, click: Click) -> Refusal | None:
    undos = [row for row in tx.plans_of(click.incident) if row.plan.undoes == click.plan_hash]
    if all(row.state in _NEVER_RAN for row in undos):
        return None
    return Refusal(Rule.ALREADY_DECIDED, "This option's undo was already asked for; follow it on the card.")


def _grant(tx: Transaction, click: Click, plan: Plan, gate: _Gate, now: float, more: dict[str, Any]) -> None:
    granted_ms = round(now * 1000)
    grant = sign_grant(
        plan_hash=plan.hash,
        approver=click.user,
        team=click.team,
        channel=click.channel,
        message_ts=click.message_ts,
        granted_ms=granted_ms,
        expires_ms=grant_expiry_ms(plan.klass, granted_ms),
        nonce=_nonce(plan, click, granted_ms),
        key=gate.grant_key,
    )
    tx.add_grant(grant)
    body = {"plan_hash": plan.hash, "by": click.user, "at_ms": granted_ms, "reason": click.reason, **more}
    _log(tx, click.incident, NewEvent(EventType.APPROVAL_GRANTED, body), now)


def _nonce(plan: Plan, click: Click, at_ms: int) -> str:
    # The plan's own nonce is random, so that this one is too, with no second source of chance in the gate.
    return digest([plan.nonce, plan.hash, click.user, at_ms])[:32]


def _refuse(
    tx: Transaction, click: Click, incident: Incident | None, refusal: Refusal | None, now: float
) -> ApprovalOutcome:
    """Say no, in private and in the log; where a decision came first, say whose it was."""
    if refusal is None:
        refusal = Refusal(Rule.ALREADY_DECIDED, "Somebody decided about this option a moment before you.")
    shown_hash = click.plan_hash[:_LONGEST]
    text, outcome = refusal.text, Outcome.REFUSED
    if refusal.rule is Rule.ALREADY_DECIDED:
        text, outcome = _first(incident, click.plan_hash) or text, Outcome.TOO_LATE
    if incident is not None:
        body = {"plan_hash": shown_hash, "by": click.user, "rule": refusal.rule.value, "text": refusal.text}
        _log(tx, click.incident, NewEvent(EventType.APPROVAL_REFUSED, body), now)
    return ApprovalOutcome(outcome, refusal.rule.value, text, shown_hash)


def _first(incident: Incident | None, plan_hash: str) -> str:
    option = option_of(incident, plan_hash) if incident else None
    if option is None or not option.approved_by:
        return ""
    at = datetime.fromtimestamp(option.approved_at_ms / 1000, UTC).strftime("%H:%M:%S")
    return f"<@{option.approved_by}> approved option {option.letter} at {at} UTC; follow it on the card."


def _log(tx: Transaction, incident: str, event: NewEvent, now: float) -> None:
    tx.append(incident, [event], at_ms=round(now * 1000))
    _refresh(tx, incident, _CARDS, now)


def _refresh(tx: Transaction, incident: str, kinds: Sequence[MessageKind], now: float) -> None:
    for kind in kinds:
        if tx.message(incident, kind) is not None:
            tx.want_message(incident, kind, now=now)
