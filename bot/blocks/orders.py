"""A standing order in Slack: its message, the form that drafts one, the review that signs one, and lists of them.

What is signed is rendered by `domain.order_text` from the hashed bytes, in a box in which Slack parses nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot.blocks.ids import (
    ORDER_DRAFT,
    ORDER_REVIEW,
    ORDER_REVOKE,
    ORDER_SIGN,
    TIER_RAISE,
    ModalPlace,
    Reference,
    action_id,
)
from bot.blocks.modals import View, field_input, modal, one_line
from bot.blocks.options import reading, signal_words
from bot.blocks.shape import (
    Block,
    Rendered,
    actions,
    button,
    confirmation,
    context,
    plain_text,
    preformatted,
    rendered,
    section,
)
from bot.blocks.text import code, day_and_time, mention, moment, safe
from bot.domain.playbook import Playbook
from bot.domain.standing_order import (
    SIGNERS,
    OrderRow,
    OrderSignature,
    OrderState,
    TierRow,
    order_text,
)

_STATES = {
    OrderState.DRAFTED: "📝 drafted, it covers nothing yet",
    OrderState.LIVE: "🟢 in force",
    OrderState.REVOKED: "🚫 revoked",
    OrderState.EXPIRED: "⌛ expired",
}
_DEFAULT_CONFIDENCE, _DEFAULT_DAYS = "90", "30"


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order with what became of it; `why` says why it was withdrawn, `runs` how many it started."""

    row: OrderRow
    signatures: Sequence[OrderSignature]
    why: str = ""
    runs: int = 0
    revision: int = 0


def render(view: OrderView) -> Rendered:
    """The order's one message."""
    order, state = view.row.order, view.row.state
    blocks: list[Block] = [
        section(f"*Standing order {safe(order.id, 20)}* · {_STATES[state]}{_because(view)}"),
        preformatted(order_text(view.row.content)),
        context(_signed(view)),
    ]
    buttons = _buttons(view)
    if buttons:
        blocks.append(actions(*buttons))
    blocks.append(context(f"order `{view.row.hash[:8]}` · started {view.runs} so far"))
    text = f"Standing order {safe(order.id, 20)} ({safe(order.playbook, 60)}): {_STATES[state]}"
    return rendered(text, blocks, prefix=f"{order.id}:order", revision=view.revision)


def review(view: OrderView, place: ModalPlace, playbook: Playbook | None) -> View:
    """The whole text once more and what its file does, with the one button that signs; `playbook` is that very file."""
    blocks: list[Block] = [
        section(
            "*From then on this runs without asking anybody.* Sign only what you would approve each time."
        ),
        preformatted(order_text(view.row.content)),
        section(_does(playbook)),
        context(f"{_signed(view)} · order `{view.row.hash[:8]}`"),
    ]
    return modal("Sign standing order", "Sign this order", ORDER_REVIEW, place, blocks)


def _does(playbook: Playbook | None) -> str:
    """What the signed file says in a person's words: nobody signs a checksum."""
    if playbook is None:
        return "⛔ The playbook's file is not the one that this order names; it cannot be signed."
    steps = [
        f"{at}. {safe(step.name, 150)} ({code(step.uses, 80)})" for at, step in enumerate(playbook.steps, 1)
    ]
    checks = ", ".join(
        f"{signal_words(check.signal)} below {reading(check.signal, check.below_milli / 1000)}"
        for check in playbook.verify
    )
    return "\n".join([f"*{safe(playbook.name, 150)}*", *steps, f"Undone again unless afterwards: {checks}"])


def drafting(playbooks: Sequence[Playbook], place: ModalPlace, *, playbook: str, services: str) -> View:
    """Ask for everything that an order holds; `playbook` and `services` are filled in where they are known."""
    choices = [_choice(book) for book in playbooks[:100]]
    chosen = next((choice for choice in choices if choice["value"] == playbook), None)
    # Nobody gets an order for a playbook only because it stands first in the list.
    initial = {"initial_option": chosen} if chosen else {"placeholder": plain_text("Choose a playbook", 40)}
    select = {"type": "static_select", "action_id": "playbook", "options": choices, **initial}
    blocks = [
        field_input("playbook", "Which playbook may run by itself?", select),
        field_input("services", "For a cause in which services?", one_line("services", services, 300)),
        field_input(
            "targets", "Only these targets (KIND:SCOPE/NAME)", one_line("targets", "", 600), optional=True
        ),
        field_input("confidence", "Least confidence in %", one_line("confidence", _DEFAULT_CONFIDENCE, 5)),
        field_input("hour", "At most how often an hour?", one_line("hour", "1", 3)),
        field_input("day", "At most how often in 24 hours?", one_line("day", "3", 3)),
        field_input("days", "For how many days, at most 90?", one_line("days", _DEFAULT_DAYS, 3)),
        field_input(
            "bounds",
            "Tighter bounds, like ACTION.PARAMETER=1-6 or pods=10",
            one_line("bounds", "", 600),
            optional=True,
        ),
        context("It covers nothing before two others of the approver group have signed it."),
    ]
    return modal("Draft standing order", "Draft", ORDER_DRAFT, place, blocks)


def raising(scope: str, place: ModalPlace) -> View:
    """Ask once more before approvals count again where only observing was allowed."""
    name = "everything" if scope == "tenant" else scope.replace(":", " ")
    blocks: list[Block] = [
        section(f"*Allow approvals again: {safe(name, 120)}*\nEach change still needs its own click."),
        context("Standing orders that were signed before stay suspended there; sign a new one."),
    ]
    return modal("Raise the tier", "Set supervised", TIER_RAISE, place, blocks)


def listing(rows: Sequence[OrderRow], tiers: Sequence[TierRow]) -> Rendered:
    """Every order worth knowing of and every tier that somebody set, for one person."""
    lines = [
        f"• *{safe(row.order.id, 20)}* {_STATES[row.state]} · {safe(row.order.playbook, 60)} · "
        f"{safe(', '.join(row.order.services), 120)} · until {day_and_time(row.order.expires_ms)}"
        for row in rows[-20:]
    ]
    set_tiers = [
        f"• tier of {safe(tier.scope.replace(':', ' '), 120)}: {safe(tier.tier, 12)}" for tier in tiers[:20]
    ]
    said = [*(lines or ["There is no standing order; every plan waits for a click."]), *set_tiers]
    hint = "`/incident tier auto` drafts one, `/incident orders revoke SO-1` ends one."
    named = ", ".join(f"{row.order.id} {row.state.value}" for row in rows[-20:])
    return Rendered(
        f"Standing orders: {safe(named, 250)}" if named else "There is no standing order.",
        (section("\n".join(said)), context(hint)),
    )


def _because(view: OrderView) -> str:
    return f": {safe(view.why, 200)}" if view.why else ""


def _signed(view: OrderView) -> str:
    order = view.row.order
    signed = [f"{mention(one.signer)} {moment(one.signed_ms)}" for one in view.signatures[:SIGNERS]]
    missing = SIGNERS - len(signed)
    need = (
        [f"{missing} more of the approver group must sign"]
        if missing > 0 and view.row.state is OrderState.DRAFTED
        else []
    )
    return " · ".join(
        [f"drafted by {mention(order.drafter)}", *(f"signed by {one}" for one in signed), *need]
    )


def _buttons(view: OrderView) -> list[Block]:
    row = view.row
    value = Reference(row.order.id, row.hash, 0).value()
    buttons: list[Block] = []
    if row.state is OrderState.DRAFTED:
        sign_id = action_id(ORDER_SIGN, row.order.id, row.hash)
        buttons.append(
            button("Review & sign …", sign_id, value, style="primary", label=f"Review {row.order.id}")
        )
    if row.state in (OrderState.DRAFTED, OrderState.LIVE):
        buttons.append(revoke_button(row.order.id, row.hash))
    return buttons


def revoke_button(order_id: str, order_hash: str) -> Block:
    """The button that ends an order; also on the message of a run that it started."""
    asked = confirmation(
        "Revoke this order?", f"{order_id} starts nothing any more.", "Revoke", "Leave it", danger=True
    )
    return button(
        "Revoke order",
        action_id(ORDER_REVOKE, order_id, order_hash),
        Reference(order_id, order_hash, 0).value(),
        style="danger",
        confirm=asked,
        label=f"Revoke {order_id}",
    )


def _choice(playbook: Playbook) -> dict[str, Any]:
    return {"text": plain_text(f"{playbook.id}: {playbook.name}", 75), "value": playbook.id}
