"""Tiers and standing orders in Slack: words that lower, forms that draft, a review that signs, a button that revokes.

Words and buttons may always take autonomy away. Only the submitted review signs, and only the gate's rules let it.
"""

from bot.blocks import orders as blocks
from bot.blocks.answers import said
from bot.blocks.ids import ModalPlace, Reference, modal_place_of, reference_of
from bot.blocks.text import safe
from bot.domain.command import Command
from bot.domain.gate import Verb
from bot.domain.order_words import TENANT, TierWords, form_words, tier_words
from bot.domain.playbook import Playbook, Tier
from bot.domain.standing_order import OrderState
from bot.pipeline.order_desk import Wish, draft, revoke, set_tier
from bot.ports import Transaction
from bot.slack.deciding.parts import DecidingParts, Decision, GateRequest, Request, known_member

_GROUP_ONLY = "Only the approver group may do this; ask one of its members."


def tier(parts: DecidingParts, tx: Transaction, request: Request, command: Command) -> Decision:
    """`tier`: lower at once; for the group open the form that raises from observe again, or the form that drafts an order (the group)."""
    if not command.rest:
        return orders(parts, tx, request, command)
    try:
        words = tier_words(command.rest)
    except ValueError as error:
        return Decision("tier refused", said(str(error)))
    if words.tier is Tier.AUTO:
        return _drafting(parts, request, words)
    if words.tier is Tier.SUPERVISED and _observed(tx, words.scope):
        return _raising(request, words.scope)
    set_tier(tx, words.scope, words.tier, by=request.person.user, now=parts.clock.now())
    scope = "everything" if words.scope == TENANT else safe(words.scope.replace(":", " "), 120)
    text = f"The tier of {scope} is {words.tier.value}; orders that were signed before start nothing there."
    return Decision("tier", said(text))


def _raising(request: Request, scope: str) -> Decision:
    """Words never give anything back: the form does, for an approver."""
    if not request.in_group:
        return Decision("not in group", said(_GROUP_ONLY))
    if not request.person.trigger_id:
        text = "Words in a channel never raise a tier: `/incident tier supervised` opens the form that does."
        return Decision("needs the command", said(text))
    person = request.person
    place = ModalPlace(Reference(scope, "", 0).value(), person.channel, "", person.thread_ts)
    return Decision("tier form", view=blocks.raising(scope, place))


def raised(parts: DecidingParts, tx: Transaction, request: Request) -> Decision:
    """The submitted form that raises a tier from observe to supervised."""
    if not request.in_group or not known_member(request):
        return Decision("not in group", said(_GROUP_ONLY))
    scope = reference_of(modal_place_of(str(request.payload["metadata"])).reference).incident
    if not _observed(tx, scope):
        return Decision("nothing to raise", said("It is not observed only any more."))
    set_tier(tx, scope, Tier.SUPERVISED, by=request.person.user, now=parts.clock.now())
    return Decision("tier", said("Approvals count again there; each change still needs its own click."))


def orders(parts: DecidingParts, tx: Transaction, request: Request, command: Command) -> Decision:
    """`orders`: list them, or `orders revoke SO-1`."""
    words = command.rest.split()
    if len(words) == 2 and words[0].lower() == "revoke":
        return _revoked(parts, tx, request, words[1].upper())
    rows = tx.orders(tuple(OrderState))
    return Decision("orders", blocks.listing(rows, tx.tiers(())))


def drafted(parts: DecidingParts, tx: Transaction, request: Request) -> Decision:
    """The submitted drafting form."""
    if not request.in_group or not known_member(request):
        return Decision("not in group", said(_GROUP_ONLY))
    values = {name: str(value) for name, value in request.payload["values"].items()}
    try:
        words = form_words(values)
    except ValueError as error:
        return Decision("draft refused", said(safe(str(error), 300)))
    wish = Wish(
        playbook=words.playbook,
        services=words.services,
        targets=words.targets,
        bounds=words.bounds,
        blast_radius=words.caps,
        runs_per_hour=words.hour,
        runs_per_day=words.day,
        confidence_milli=words.confidence_milli,
        days=words.days,
    )
    outcome = draft(
        tx,
        wish,
        tenant=parts.store.tenant,
        by=request.person.user,
        playbooks=parts.playbooks,
        now=parts.clock.now(),
        nonce=parts.new_id(),
    )
    return Decision(f"order {outcome.outcome.value} {outcome.rule}".strip(), said(safe(outcome.text, 900)))


def review(parts: DecidingParts, tx: Transaction, request: Request) -> Decision:
    """The button on the order's message: show all of it again, with the button that signs."""
    reference = reference_of(request.payload["value"])
    row = tx.order(reference.incident)
    if row is None or row.hash != reference.plan_hash:
        return Decision("no such order", said("There is no such standing order any more."))
    if row.state is not OrderState.DRAFTED:
        return Decision("already decided", said(f"{safe(row.order.id, 20)} is {row.state.value} already."))
    place = ModalPlace(reference.value(), str(request.payload["channel"]), str(request.payload["message_ts"]))
    view = blocks.OrderView(row, tx.signatures(row.hash))
    wanted = (row.order.playbook, row.order.playbook_digest)
    playbook = next((book for book in parts.playbooks if (book.id, book.digest) == wanted), None)
    return Decision("order review opened", view=blocks.review(view, place, playbook))


def signed(parts: DecidingParts, tx: Transaction, request: Request) -> Decision:
    """The submitted review: for the gate to judge."""
    place = modal_place_of(str(request.payload["metadata"]))
    reference = reference_of(place.reference)
    gate = GateRequest(
        Verb.APPROVE, reference.incident, reference.plan_hash, place.channel, place.message_ts, order=True
    )
    return Decision("sign order", gate=gate)


def revoked(parts: DecidingParts, tx: Transaction, request: Request) -> Decision:
    """The revoke button."""
    return _revoked(parts, tx, request, reference_of(request.payload["value"]).incident)


def _revoked(parts: DecidingParts, tx: Transaction, request: Request, name: str) -> Decision:
    # Taking autonomy away must not wait for Slack: an unreadable group stops nobody, being outside of it does.
    if request.in_group is False:
        return Decision("not in group", said(_GROUP_ONLY))
    by, now = request.person.user, parts.clock.now()
    outcome = revoke(tx, name, by=by, why="revoked by hand", now=now)
    return Decision(f"order {outcome.outcome.value}", said(safe(outcome.text, 300)))


def _drafting(parts: DecidingParts, request: Request, words: TierWords) -> Decision:
    if not request.in_group:
        return Decision("not in group", said(_GROUP_ONLY))
    able = [book for book in parts.playbooks if book.tier is Tier.AUTO]
    if not able:
        return Decision("no playbook", said("No playbook has tier auto, so nothing can run without a click."))
    if not request.person.trigger_id:
        return Decision(
            "needs the command", said("Type `/incident tier auto`; only a form can draft an order.")
        )
    return Decision("order form", view=_form(able, request, words))


def _form(able: list[Playbook], request: Request, words: TierWords) -> dict[str, object]:
    person = request.person
    place = ModalPlace(Reference("order", "", 0).value(), person.channel, "", person.thread_ts)
    return blocks.drafting(able, place, playbook=words.playbook, services=words.services)


def _observed(tx: Transaction, scope: str) -> bool:
    return any(row.tier == Tier.OBSERVE for row in tx.tiers((scope,)))
