"""What a button on one of our messages comes to: a request to the gate, a stop, a modal, or a menu's verb."""

from collections.abc import Callable, Mapping
from typing import Any

from bot.blocks.ids import (
    APPROVE,
    APPROVE_REVIEW,
    MENU,
    NEW_INCIDENT,
    ORDER_DRAFT,
    ORDER_REVIEW,
    ORDER_REVOKE,
    ORDER_SIGN,
    PLANNED_EVENT,
    REGROUP,
    REJECT,
    REVIEW,
    STOP,
    TIER_RAISE,
    UNDO,
    UNFREEZE,
    modal_place_of,
    reference_of,
)
from bot.domain.command import Command, CommandVerb
from bot.domain.gate import Verb
from bot.ports import Transaction
from bot.slack.deciding import forms, freezing, ordering, regrouping, reviewing, words
from bot.slack.deciding.changes import stop_incident
from bot.slack.deciding.parts import DecidingParts, Decision, GateRequest, Request, known_member

_MENU_VERBS = {
    "timeline": CommandVerb.TIMELINE,
    "diagnose": CommandVerb.DIAGNOSE,
    "stop": CommandVerb.STOP,
    REGROUP: CommandVerb.MERGE,
    "resolve": CommandVerb.RESOLVE,
}
_GATED = {APPROVE: Verb.APPROVE, REJECT: Verb.REJECT, UNDO: Verb.UNDO}
_Decide = Callable[[DecidingParts, Transaction, Request], Decision]


def decide(parts: DecidingParts, tx: Transaction, request: Request) -> Decision:
    """Dispatch on the button or form; raises KeyError for one that is not ours."""
    action = str(request.payload["action"])
    if action in _GATED:
        return _gated(_GATED[action], request)
    return _OTHERS[action](parts, tx, request)


def gated(payload: Mapping[str, Any]) -> bool:
    """Whether the gate will judge this row, whoever did it."""
    return payload.get("action") in (*_GATED, APPROVE_REVIEW, ORDER_REVIEW)


def _gated(verb: Verb, request: Request) -> Decision:
    reference = reference_of(request.payload["value"])
    place = str(request.payload["channel"]), str(request.payload["message_ts"])
    return Decision(verb.value, gate=GateRequest(verb, reference.incident, reference.plan_hash, *place))


def _stop(parts: DecidingParts, tx: Transaction, request: Request) -> Decision:
    reference = reference_of(request.payload["value"])
    return stop_incident(tx, reference.incident, by=request.person.user, now=parts.clock.now())


def _review(parts: DecidingParts, tx: Transaction, request: Request) -> Decision:
    reference = reference_of(request.payload["value"])
    return reviewing.review(tx, reference, request)


def _approve_review(parts: DecidingParts, tx: Transaction, request: Request) -> Decision:
    place = modal_place_of(str(request.payload["metadata"]))
    reference = reference_of(place.reference)
    values = request.payload["values"]
    gate = GateRequest(
        Verb.APPROVE,
        reference.incident,
        reference.plan_hash,
        place.channel,
        place.message_ts,
        reason=str(values.get("reason", "")),
        typed_name=str(values.get("typed", "")),
    )
    return Decision("approve", gate=gate)


def _menu(parts: DecidingParts, tx: Transaction, request: Request) -> Decision:
    verb, _, value = str(request.payload["value"]).partition("|")
    row = tx.incident_row(reference_of(value).incident)
    if verb == REGROUP and row is not None and known_member(request):
        return regrouping.asked(parts, tx, request, row)
    return words.obey(parts, tx, request, Command(_MENU_VERBS[verb], row.number if row else 0))


_OTHERS: Mapping[str, _Decide] = {
    STOP: _stop,
    REVIEW: _review,
    MENU: _menu,
    APPROVE_REVIEW: _approve_review,
    NEW_INCIDENT: forms.new_incident,
    ORDER_DRAFT: ordering.drafted,
    ORDER_SIGN: ordering.review,
    ORDER_REVIEW: ordering.signed,
    ORDER_REVOKE: ordering.revoked,
    TIER_RAISE: ordering.raised,
    PLANNED_EVENT: forms.planned_event,
    UNFREEZE: freezing.lifted,
    REGROUP: regrouping.submitted,
}
