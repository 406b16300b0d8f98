"""approve: from a click to one grant, a first yes, a rejection, an undo or a reasoned refusal; text never gets here.

Who clicked is read from Slack first; then one transaction re-checks everything, moves the plan by one
compare-and-set, stores the grant and writes the event. Whoever comes second is told who was first.
"""

from typing import Any

from bot.domain.canonical import digest
from bot.domain.errors import Permanent
from bot.domain.event import EventType, NewEvent
from bot.domain.gate import (
    UNDO_MAX_AGE_S,
    Click,
    Facts,
    Refusal,
    Rule,
    Verb,
    grant_expiry_ms,
    refusal_of,
    sign_grant,
)
from bot.domain.plan import Plan, PlanState
from bot.domain.records import PlanRow
from bot.domain.undo import undo_plan
from bot.pipeline.gather import Caller, Gate, call_slack, facts_of
from bot.pipeline.refuse import ApprovalOutcome, Outcome, log, refuse
from bot.ports import Chat, Clock, Store, Transaction

__all__ = ["ApprovalOutcome", "Outcome", "approve", "expire_plans"]

_NEVER_RAN = (PlanState.REFUSED, PlanState.EXPIRED, PlanState.REJECTED)


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
    undo_max_age_s: float = UNDO_MAX_AGE_S,
) -> ApprovalOutcome:
    """Decide one click; raises only Retryable, when the store is away and nothing was decided."""
    caller = call_slack(store, chat, click, group=approver_group, now=clock.now())
    gate = Gate(clock, grant_key, home_team, observe_only, undo_max_age_s)
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
    log(tx, row.plan.incident, NewEvent(EventType.PLAN_EXPIRED, {"plan_hash": row.hash}), now)
    return True


def _decide(tx: Transaction, click: Click, caller: Caller, gate: Gate) -> ApprovalOutcome:
    facts, incident = facts_of(tx, click, caller, gate)
    refusal = refusal_of(click, facts)
    missing_second = refusal is not None and refusal.rule is Rule.SECOND_APPROVER
    if click.verb is Verb.UNDO and (refusal is None or missing_second):
        refusal = _undone_before(tx, click) or refusal
    if refusal is None and facts.row is not None:
        return _VERBS[click.verb](tx, click, facts, gate)
    if refusal is not None and refusal.rule is Rule.SECOND_APPROVER:
        return _note(tx, click, caller, refusal, facts)
    return refuse(tx, click, incident, refusal, facts.now)


def _note(tx: Transaction, click: Click, caller: Caller, refusal: Refusal, facts: Facts) -> ApprovalOutcome:
    """The first yes of two: recorded once a person, shown on the card, worth nothing alone."""
    if click.user not in caller.earlier:
        body = {
            "plan_hash": click.plan_hash,
            "by": click.user,
            "verb": click.verb.value,
            "at_ms": round(facts.now * 1000),
            "reason": _reason(click),
        }
        log(tx, click.incident, NewEvent(EventType.APPROVAL_NOTED, body), facts.now)
    return ApprovalOutcome(Outcome.NOTED, refusal.rule.value, refusal.text, click.plan_hash)


def _approve(tx: Transaction, click: Click, facts: Facts, gate: Gate) -> ApprovalOutcome:
    plan = _plan(facts)
    if not tx.move_plan(plan.hash, to=PlanState.GRANTED, frm=(PlanState.PROPOSED,)):
        return refuse(tx, click, tx.incident(click.incident), None, facts.now)
    _grant(tx, click, plan, facts, gate, {})
    text = f"You approved option {plan.option} (plan {plan.hash[:8]}); it runs now, follow it on the card."
    return ApprovalOutcome(Outcome.GRANTED, "", text, plan.hash)


def _reject(tx: Transaction, click: Click, facts: Facts, _gate: Gate) -> ApprovalOutcome:
    plan = _plan(facts)
    if not tx.move_plan(plan.hash, to=PlanState.REJECTED, frm=(PlanState.PROPOSED,)):
        return refuse(tx, click, tx.incident(click.incident), None, facts.now)
    body = {"plan_hash": plan.hash, "by": click.user, "why": click.reason}
    log(tx, click.incident, NewEvent(EventType.PLAN_REJECTED, body), facts.now)
    text = f"You rejected option {plan.option} (plan {plan.hash[:8]}); it can never run."
    return ApprovalOutcome(Outcome.REJECTED, "", text, plan.hash)


def _undo(tx: Transaction, click: Click, facts: Facts, gate: Gate) -> ApprovalOutcome:
    plan, now_ms = _plan(facts), round(facts.true_now * 1000)
    try:
        reverse = undo_plan(plan, tx.steps(plan.hash), now_ms=now_ms, nonce=_nonce(plan, click, now_ms))
    except Permanent as error:
        refusal = Refusal(Rule.NOTHING_TO_UNDO, f"This cannot be undone: {error}.")
        return refuse(tx, click, tx.incident(click.incident), refusal, facts.now)
    tx.add_plan(reverse)
    tx.move_plan(reverse.hash, to=PlanState.GRANTED, frm=(PlanState.PROPOSED,))
    _grant(tx, click, reverse, facts, gate, {"plan": reverse.to_json()})
    text = f"You asked to undo option {plan.option}; plan {reverse.hash[:8]} runs now, follow it on the card."
    return ApprovalOutcome(Outcome.UNDO_GRANTED, "", text, reverse.hash)


_VERBS = {Verb.APPROVE: _approve, Verb.REJECT: _reject, Verb.UNDO: _undo}


def _plan(facts: Facts) -> Plan:
    if facts.plan is None:
        message = "no rule passes a click without a plan"
        raise ValueError(message)
    return facts.plan


def _undone_before(tx: Transaction, click: Click) -> Refusal | None:
    undos = [row for row in tx.plans_of(click.incident) if row.plan.undoes == click.plan_hash]
    if all(row.state in _NEVER_RAN for row in undos):
        return None
    return Refusal(Rule.ALREADY_DECIDED, "This option's undo was already asked for; follow it on the card.")


def _grant(tx: Transaction, click: Click, plan: Plan, facts: Facts, gate: Gate, more: dict[str, Any]) -> None:
    granted_ms = round(facts.true_now * 1000)
    others = sorted(facts.earlier - {click.user} - facts.requesters) if facts.destructive else []
    seconded_by = others[0] if others else ""
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
        seconded_by=seconded_by,
    )
    tx.add_grant(grant)
    if facts.destructive and facts.members is not None:
        tx.save_approvers(sorted(facts.members), at=facts.true_now)
    body = {"plan_hash": plan.hash, "by": click.user, "at_ms": granted_ms, "reason": _reason(click)}
    second = {"seconded_by": seconded_by} if seconded_by else {}
    log(tx, click.incident, NewEvent(EventType.APPROVAL_GRANTED, {**body, **second, **more}), facts.now)


def _reason(click: Click) -> str:
    return " ".join(click.reason.split())


def _nonce(plan: Plan, click: Click, at_ms: int) -> str:
    # The plan's own nonce is random, so that this one is too, with no second source of chance in the gate.
    return digest([plan.nonce, plan.hash, click.user, at_ms])[:32]
