"""orders: from a cause that the engine found to a granted plan without a click; called by the executor alone.

Everything is derived again from the database, in the one transaction that fires: order, signatures, tiers, freezes,
caps, the incident's own log. A model's words are not among it. The plan then runs like one that a human approved.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bot.domain import order_rules
from bot.domain.canonical import digest
from bot.domain.errors import Refused
from bot.domain.event import TENANT_CHAIN, EventType, NewEvent
from bot.domain.gate import freeze_scopes, grant_expiry_ms, intact, shows, sign_grant
from bot.domain.incident import Incident
from bot.domain.incident_fold import option_of
from bot.domain.order_rules import BEFORE_FIX, Around, Held, Stored, tier_scopes
from bot.domain.plan import Plan, PlanState
from bot.domain.playbook import Playbook
from bot.domain.records import Grant, MessageKind, PlanRow
from bot.domain.standing_order import OrderRow, OrderState
from bot.pipeline.derive import not_derived
from bot.pipeline.execute.terms import Means
from bot.pipeline.forbid import forbidden
from bot.ports import Transaction

_HOUR_S, _DAY_S = 3_600.0, 86_400.0
_CARDS = (MessageKind.CARD, MessageKind.PROPOSAL)


class Fired(StrEnum):
    """What came of one order and one plan."""

    FIRED = "fired"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Firing:
    """`rule` and `text` say what held it; both are empty when it fired."""

    outcome: Fired
    order: str
    plan_hash: str
    rule: str = ""
    text: str = ""


def fire_orders(means: Means, *, skip: frozenset[str] = frozenset()) -> list[Firing]:
    """Fire what is due, plans named in `skip` apart; without a live order this is one cheap read.

    Raises Retryable when the store is away.
    """
    if means.mode != "supervised" or not means.store.read(lambda tx: tx.orders((OrderState.LIVE,))):
        return []
    pairs = means.store.read(lambda tx: list(_pairs(tx, means)))
    return [_fire(means, order, plan) for order, plan in pairs if plan.hash not in skip]


def _pairs(tx: Transaction, means: Means) -> Iterator[tuple[OrderRow, Plan]]:
    """Each live order with each plan that it might cover, at most one an incident: a first look, which decides nothing."""
    orders = tx.orders((OrderState.LIVE,))
    for row in tx.open_incidents():
        incident = tx.incident(row.id) if row.state in BEFORE_FIX else None
        if incident is None or incident.diagnosis is None:
            continue
        pair = next(
            (
                (order, found.plan)
                for found in _offered(tx, incident)
                for order in orders
                if held_back(tx, means, order, found, incident) is None
            ),
            None,
        )
        if pair is not None:
            yield pair


def _offered(tx: Transaction, incident: Incident) -> list[PlanRow]:
    open_now = [row for row in tx.plans_of(incident.id) if row.state is PlanState.PROPOSED]
    return sorted(open_now, key=lambda row: row.plan.option)


def _fire(means: Means, order: OrderRow, plan: Plan) -> Firing:
    """Derive the plan anew, then one transaction asks everything again, moves it by compare-and-set, stores the grant."""
    other = not_derived(means, playbook_of(means, plan), plan)
    if other is not None:
        return Firing(Fired.HELD, order.order.id, plan.hash, other.rule, other.text)

    def work(tx: Transaction) -> None:
        tx.lock_admission()  # Of two executors, one counts the order's runs after the other has added its own.
        incident, row, found = tx.incident(plan.incident), tx.plan(plan.hash), tx.order(order.hash)
        if incident is None or row is None or found is None:
            message = "the order, the plan or its incident is gone"
            raise Refused(message, rule="gone")
        held = held_back(tx, means, found, row, incident)
        if held is not None:
            raise Refused(held.text, rule=held.rule)
        now = means.clock.now()
        targets = [step.target.uid for step in row.plan.steps]
        if not tx.fire_order(found.hash, row.hash, incident=incident.id, targets=targets, at=now):
            message = "an order has acted on this target in this incident already, or was revoked just now"
            raise Refused(message, rule="fired_before")
        if not tx.move_plan(row.hash, to=PlanState.GRANTED, frm=(PlanState.PROPOSED,)):
            message = "somebody decided about this plan a moment before"
            raise Refused(message, rule="already_decided")
        _grant(tx, means, found, row.plan, incident, now)

    try:
        means.store.transact(work)
    except Refused as error:  # Raised inside, so that the transaction leaves nothing behind.
        return Firing(Fired.HELD, order.order.id, plan.hash, error.rule, str(error))
    return Firing(Fired.FIRED, order.order.id, plan.hash)


def held_back(
    tx: Transaction, means: Means, order: OrderRow, row: PlanRow, incident: Incident
) -> Held | None:
    """The first rule that keeps this order from starting this plan, or None."""
    plan, playbook = row.plan, playbook_of(means, row.plan)
    around = _around(tx, means, order, plan)
    shown = option_of(incident, row.hash)
    if not intact(row, row.hash) or shown is None or not shows(shown.plan, row.hash):
        return Held("plan_changed", "the stored plan is not the one that was offered")
    return order_rules.held_back(_stored(tx, means, order), plan, playbook, incident, around)


def order_refusal(tx: Transaction, means: Means, grant: Grant, plan: Plan, *, resumed: bool) -> Held | None:
    """What the executor asks again of a grant that an order stands for, right before the plan starts.

    A plan that had begun is finished or undone even when its order ended meanwhile; what it must be never changes.
    """
    row = tx.order(grant.order_hash)
    if row is None or row.hash != grant.order_hash or grant.approver or grant.seconded_by:
        return Held("no_order", "the standing order that the grant names does not exist")
    playbook = playbook_of(means, plan)
    held = order_rules.unauthentic(_stored(tx, means, row)) or order_rules.uncovered(
        row.order, plan, playbook
    )
    if held is not None or resumed:
        return held
    incident = tx.incident(plan.incident)
    option = option_of(incident, plan.hash) if incident else None
    if incident is None or option is None or option.order != row.order.id:
        return Held("not_fired", "the incident's log does not say that the order started this plan")
    around = _around(tx, means, row, plan)
    planned = Held("planned_event", f"planned event: {around.planned}") if around.planned else None
    return (
        order_rules.not_in_force(row, around)
        or order_rules.uncaused(row.order, playbook, incident)
        or planned
    )


def withdraw(tx: Transaction, plan: PlanRow, why: str, now: float) -> None:
    """End the order behind a plan, if there is one: what it does failed once, so that it does nothing more unasked."""
    grant = tx.grant(plan.hash)
    row = tx.order(grant.order_hash) if grant is not None and grant.order_hash else None
    if row is None or not tx.move_order(row.hash, to=OrderState.REVOKED):
        return
    body = {"order": row.order.id, "order_hash": row.hash, "by": "", "why": why, "plan_hash": plan.hash}
    _tell(tx, row, plan.plan.incident, NewEvent(EventType.ORDER_REVOKED, body), now)


def playbook_of(means: Means, plan: Plan) -> Playbook | None:
    """The loaded playbook of a plan."""
    return next((book for book in means.playbooks.all() if book.id == plan.playbook), None)


def _stored(tx: Transaction, means: Means, order: OrderRow) -> Stored:
    return Stored(order, tx.signatures(order.hash), means.grant_key, means.store.tenant)


def _around(tx: Transaction, means: Means, order: OrderRow, plan: Plan) -> Around:
    now = means.clock.now()
    known = tx.database_now(now=now)
    now = now if known is None else known
    services: Sequence[str] = sorted({step.target.service for step in plan.steps})
    planned = [
        event.title
        for event in tx.planned_events(start=now, end=now)
        if any(event.covers(service, now) for service in services)
    ]
    return Around(
        now=now,
        tiers=tx.tiers(tier_scopes(plan)),
        hour=tx.firings(order.hash, since=now - _HOUR_S),
        day=tx.firings(order.hash, since=now - _DAY_S),
        planned=planned[0] if planned else "",
        frozen=means.stopped() or forbidden(tx, freeze_scopes(plan), now=now) or "",
    )


def _grant(
    tx: Transaction, means: Means, order: OrderRow, plan: Plan, incident: Incident, now: float
) -> None:
    """A grant like a human's, in the name of the order and of nobody."""
    granted_ms = round(now * 1000)
    tx.add_grant(
        sign_grant(
            plan_hash=plan.hash,
            approver="",
            team="",
            channel="",
            message_ts="",
            granted_ms=granted_ms,
            expires_ms=grant_expiry_ms(plan.klass, granted_ms),
            nonce=digest([plan.nonce, plan.hash, order.hash, granted_ms])[:32],
            key=means.grant_key,
            order_hash=order.hash,
        )
    )
    top = incident.diagnosis.hypotheses[0] if incident.diagnosis else None
    body = {
        "order": order.order.id,
        "order_hash": order.hash,
        "plan_hash": plan.hash,
        "incident": incident.id,
        "at_ms": granted_ms,
        "confidence_milli": round(min(top.confidence, top.solid) * 1000) if top else 0,
    }
    _tell(tx, order, incident.id, NewEvent(EventType.ORDER_FIRED, body), now)


def _tell(tx: Transaction, order: OrderRow, incident: str, event: NewEvent, now: float) -> None:
    """The same event in the incident's log and in the tenant's; the messages that show either are wanted anew."""
    for chain in (incident, TENANT_CHAIN):
        tx.append(chain, [event], at_ms=round(now * 1000))
    for kind in _CARDS:
        if tx.message(incident, kind) is not None:
            tx.want_message(incident, kind, now=now)
    tx.want_message(order.order.id, MessageKind.ORDER, now=now)
