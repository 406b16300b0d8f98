"""order_desk: what people do with standing orders: draft, sign, revoke, lower a tier. Rows and events in one transaction.

Signing has the gate's own rules about person, place and clock, and the group is read anew; text never signs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from bot.domain.canonical import digest
from bot.domain.errors import WatchkeeperError
from bot.domain.event import TENANT_CHAIN, EventType, NewEvent
from bot.domain.gate import Click, Facts, Refusal, Rule
from bot.domain.gate_rules import moment, person, place
from bot.domain.identity import UNREADABLE, identity_of, ours_alone
from bot.domain.order_rules import MAX_SKEW_MS, SIGN_WITHIN_MS, allowed_bounds, draft_faults
from bot.domain.playbook import Playbook, Tier
from bot.domain.records import MessageKind
from bot.domain.standing_order import (
    OPEN_ORDERS,
    SIGNERS,
    OrderRow,
    OrderState,
    StandingOrder,
    TierRow,
    sign_order,
)
from bot.ports import Chat, Clock, Store, Transaction

T = TypeVar("T")
MOST_LOGGED = 5
_DAY_MS = 86_400_000
_RULES = (
    place.workspace, place.shared, place.card, place.channel, person.account, person.group, moment.clocks, moment.fresh,
)  # fmt: skip
_NOT_ITS_MESSAGE = "This button is not on the order's own message; use the newest one."


class Desk(StrEnum):
    """How a request about a standing order ended."""

    DRAFTED = "drafted"
    SIGNED = "signed"
    LIVE = "live"
    REVOKED = "revoked"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class DeskOutcome:
    """`rule` is empty unless a rule said no; `text` is for the person who asked, and nobody else."""

    outcome: Desk
    text: str
    rule: str = ""
    order: str = ""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a drafter asks for; what is None stays as wide as the playbook itself."""

    playbook: str
    services: tuple[str, ...]
    targets: tuple[str, ...] = ()
    bounds: Mapping[str, tuple[int, int]] | None = None
    blast_radius: Mapping[str, int] | None = None
    runs_per_hour: int = 1
    runs_per_day: int = 3
    confidence_milli: int = 900
    days: int = 30


@dataclass(frozen=True, slots=True)
class Signing:
    """What signing needs besides the click. `playbooks` are those that web has loaded."""

    store: Store
    chat: Chat
    clock: Clock
    grant_key: bytes
    approver_group: str
    home_team: str
    playbooks: Sequence[Playbook]


def draft(
    tx: Transaction,
    wish: Wish,
    *,
    tenant: str,
    by: str,
    playbooks: Sequence[Playbook],
    now: float,
    nonce: str,
) -> DeskOutcome:
    """Write an order down and ask for its message; `now` in unix seconds. It covers nothing before two others sign."""
    playbook = _playbook(playbooks, wish.playbook)
    if playbook is None:
        known = ", ".join(sorted(book.id for book in playbooks if book.tier is Tier.AUTO)) or "none"
        return _no(
            "unknown_playbook", f"There is no playbook {wish.playbook!r}; with tier auto there are: {known}."
        )
    now_ms = round(now * 1000)
    order = StandingOrder(
        id=tx.next_order_id(), tenant=tenant, drafter=by, playbook=playbook.id, playbook_digest=playbook.digest,
        services=tuple(sorted(wish.services)), targets=tuple(sorted(wish.targets)),
        bounds={**allowed_bounds(playbook), **(wish.bounds or {})},
        blast_radius={**playbook.blast_radius, **(wish.blast_radius or {})},
        runs_per_hour=wish.runs_per_hour, runs_per_day=wish.runs_per_day, confidence_milli=wish.confidence_milli,
        created_ms=now_ms, expires_ms=now_ms + wish.days * _DAY_MS, nonce=nonce,
    )  # fmt: skip
    faults = draft_faults(order, playbook)
    if faults:
        return _no("unsound", f"This cannot be ordered: {'; '.join(faults)}.")
    tx.add_order(order)
    body = {"order": order.id, "order_hash": order.hash, "standing_order": order.to_json(), "by": by}
    _tell(tx, order.id, EventType.ORDER_DRAFTED, body, now)
    text = f"{order.id} is drafted and posted; two others of the approver group must sign it within a day."
    return DeskOutcome(Desk.DRAFTED, text, order=order.id)


def sign(click: Click, means: Signing) -> DeskOutcome:
    """Decide one signature; `click.plan_hash` is the order's hash, `click.incident` its id. Raises only Retryable."""
    chat = means.chat
    identity = _asked(lambda: identity_of(chat.user(click.user))) or UNREADABLE
    members = _asked(lambda: frozenset(chat.group_members(means.approver_group, fresh=True)))
    ours = _asked(lambda: ours_alone(chat.channel(click.channel)))

    def work(tx: Transaction) -> DeskOutcome:
        now = means.clock.now()
        row = tx.order(click.incident)
        facts = Facts(
            now=now,
            identity=identity,
            members=members,
            channel_ours=ours,
            home_team=means.home_team,
            cards=_cards(tx, click.incident),
            row=None,
            observe_only=False,
            database_now=tx.database_now(now=now),
        )
        refusal = next((found for rule in _RULES if (found := rule(click, facts)) is not None), None)
        if refusal is None and row is not None:
            refusal = _about_order(tx, click, row, means.playbooks, now)
        if refusal is None and row is not None:
            return _sign(tx, click, row, means.grant_key, now)
        return _refused(tx, click, row, refusal, now)

    return means.store.transact(work)


def revoke(tx: Transaction, name: str, *, by: str, why: str, now: float) -> DeskOutcome:
    """Withdraw an order or a draft at once; a run that it has started goes on until it ends or is stopped."""
    row = tx.order(name)
    if row is None:
        return _no("unknown_order", f"There is no standing order {name[:20]}.")
    if not tx.move_order(row.hash, to=OrderState.REVOKED):
        return _no("not_open", f"{row.order.id} is {row.state.value} already.")
    body = {"order": row.order.id, "order_hash": row.hash, "by": by, "why": why}
    _tell(tx, row.order.id, EventType.ORDER_REVOKED, body, now)
    return DeskOutcome(
        Desk.REVOKED, f"{row.order.id} is revoked; it starts nothing any more.", order=row.order.id
    )


def expire_orders(store: Store, now: float) -> int:
    """Close every order whose time is over and every draft that was not signed in time; returns how many."""

    def overdue(tx: Transaction) -> list[OrderRow]:
        return [row for row in tx.orders(OPEN_ORDERS) if _over(row, now)]

    def work(tx: Transaction) -> int:
        closed = [row for row in overdue(tx) if tx.move_order(row.hash, to=OrderState.EXPIRED)]
        for row in closed:
            body = {"order": row.order.id, "order_hash": row.hash}
            _tell(tx, row.order.id, EventType.ORDER_EXPIRED, body, now)
        return len(closed)

    return store.transact(work) if store.read(overdue) else 0


def set_tier(tx: Transaction, scope: str, tier: Tier, *, by: str, now: float) -> None:
    """Set how far `scope` (tenant, service:NAME or playbook:ID) may act by itself, from now on.

    Orders that were signed before a lowering stay suspended there, whatever is set later; a new one must be signed.
    """
    event = NewEvent(EventType.TIER_SET, {"scope": scope, "tier": tier.value, "by": by})
    (written,) = tx.append(TENANT_CHAIN, [event], at_ms=round(now * 1000))
    tx.set_tier(TierRow(scope, tier.value, by, written.seq))


def _about_order(
    tx: Transaction, click: Click, row: OrderRow, playbooks: Sequence[Playbook], now: float
) -> Refusal | None:
    order, now_ms = row.order, now * 1000
    if not row.intact or row.hash != click.plan_hash:
        return Refusal(Rule.PLAN_CHANGED, "The stored order is not the one that was shown; draft it anew.")
    if click.user == order.drafter:
        return Refusal(Rule.REQUESTER, "Whoever drafted an order cannot sign it; ask two others.")
    if row.state is not OrderState.DRAFTED or any(s.signer == click.user for s in tx.signatures(row.hash)):
        return Refusal(
            Rule.ALREADY_DECIDED, f"{order.id} is {row.state.value}, or you have signed it already."
        )
    if (
        not order.created_ms - MAX_SKEW_MS
        <= now_ms
        < min(order.created_ms + SIGN_WITHIN_MS, order.expires_ms)
    ):
        return Refusal(Rule.EXPIRED, "An order is signed within a day of its draft; draft it anew.")
    faults = draft_faults(order, _playbook(playbooks, order.playbook))
    return Refusal(Rule.PLAN_CHANGED, f"This cannot be ordered any more: {faults[0]}.") if faults else None


def _sign(tx: Transaction, click: Click, row: OrderRow, key: bytes, now: float) -> DeskOutcome:
    order, signed_ms = row.order, round(now * 1000)
    signature = sign_order(
        order_hash=row.hash,
        signer=click.user,
        team=click.team,
        channel=click.channel,
        message_ts=click.message_ts,
        signed_ms=signed_ms,
        nonce=digest([order.nonce, row.hash, click.user, signed_ms])[:32],
        key=key,
    )
    tx.add_signature(signature)
    count = len({one.signer for one in tx.signatures(row.hash)} - {order.drafter})
    complete = count >= SIGNERS
    body = {"order": order.id, "order_hash": row.hash, "by": click.user, "at_ms": signed_ms, "live": complete}
    seq = _tell(tx, order.id, EventType.ORDER_SIGNED, body, now)
    if complete:
        tx.move_order(row.hash, to=OrderState.LIVE, live_seq=seq)
        return DeskOutcome(Desk.LIVE, f"You signed {order.id}; it is in force now.", order=order.id)
    return DeskOutcome(Desk.SIGNED, f"You signed {order.id}; one more signature is missing.", order=order.id)


def _refused(
    tx: Transaction, click: Click, row: OrderRow | None, refusal: Refusal | None, now: float
) -> DeskOutcome:
    if refusal is None:
        refusal = Refusal(Rule.UNKNOWN_PLAN, "There is no such standing order; see /incident orders.")
    text = _NOT_ITS_MESSAGE if refusal.rule is Rule.CARD_MISMATCH else refusal.text
    if (
        row is not None
        and tx.count_refusal(row.order.id, click.user, now=now, window_s=60.0)[0] <= MOST_LOGGED
    ):
        about = {"order": row.order.id, "order_hash": row.hash, "by": click.user}
        event = NewEvent(EventType.ORDER_REFUSED, {**about, "rule": refusal.rule.value, "text": text})
        tx.append(TENANT_CHAIN, [event], at_ms=round(now * 1000))
    return _no(refusal.rule.value, text)


def _tell(tx: Transaction, order: str, event: EventType, body: Mapping[str, object], now: float) -> int:
    """Write the tenant's event and ask for the order's message; returns the event's number."""
    (written,) = tx.append(TENANT_CHAIN, [NewEvent(event, body)], at_ms=round(now * 1000))
    tx.want_message(order, MessageKind.ORDER, now=now)
    return written.seq


def _cards(tx: Transaction, order: str) -> frozenset[tuple[str, str]]:
    message = tx.message(order, MessageKind.ORDER)
    return frozenset({(message.channel, message.ts)}) if message and message.ts else frozenset()


def _over(row: OrderRow, now: float) -> bool:
    unsigned = row.state is OrderState.DRAFTED and now * 1000 >= row.order.created_ms + SIGN_WITHIN_MS
    return unsigned or now * 1000 >= row.order.expires_ms


def _playbook(playbooks: Sequence[Playbook], name: str) -> Playbook | None:
    return next((book for book in playbooks if book.id == name), None)


def _asked(ask: Callable[[], T]) -> T | None:
    """What Slack says, or None: trouble with Slack is no answer and never an error."""
    try:
        return ask()
    except WatchkeeperError:
        return None


def _no(rule: str, text: str) -> DeskOutcome:
    return DeskOutcome(Desk.REFUSED, text, rule)
