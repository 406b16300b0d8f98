"""refuse: say no to a click, in private each time and in the log a few times a minute, however fast somebody clicks."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from bot.domain.event import EventType, NewEvent
from bot.domain.gate import Click, Refusal, Rule
from bot.domain.incident import Incident
from bot.domain.incident_fold import option_of
from bot.pipeline.gather import CARDS
from bot.ports import Transaction

MOST_LOGGED = 5
WINDOW_S = 60.0
_LONGEST = 64


class Outcome(StrEnum):
    """How a click ended."""

    GRANTED = "granted"
    UNDO_GRANTED = "undo_granted"
    REJECTED = "rejected"
    NOTED = "noted"
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


def refuse(
    tx: Transaction, click: Click, incident: Incident | None, refusal: Refusal | None, now: float
) -> ApprovalOutcome:
    """Say no; where a decision came first, say whose it was."""
    if refusal is None:
        refusal = Refusal(Rule.ALREADY_DECIDED, "Somebody decided about this option a moment before you.")
    shown_hash = click.plan_hash[:_LONGEST]
    text, outcome = refusal.text, Outcome.REFUSED
    if refusal.rule is Rule.ALREADY_DECIDED:
        text, outcome = _first(incident, click.plan_hash) or text, Outcome.TOO_LATE
    if incident is not None:
        _log_some(tx, click, refusal, shown_hash, now)
    return ApprovalOutcome(outcome, refusal.rule.value, text, shown_hash)


def log(tx: Transaction, incident: str, event: NewEvent, now: float) -> None:
    """Append one event and ask for the messages that show it."""
    tx.append(incident, [event], at_ms=round(now * 1000))
    for kind in CARDS:
        if tx.message(incident, kind) is not None:
            tx.want_message(incident, kind, now=now)


def _log_some(tx: Transaction, click: Click, refusal: Refusal, shown_hash: str, now: float) -> None:
    """Log the first few of a minute; the first of a later minute says how many went unlogged before it."""
    count, before = tx.count_refusal(click.incident, click.user, now=now, window_s=WINDOW_S)
    if count > MOST_LOGGED:
        return
    body = {"plan_hash": shown_hash, "by": click.user, "rule": refusal.rule.value, "text": refusal.text}
    unlogged = max(0, before - MOST_LOGGED)
    more = {"unlogged": unlogged} if unlogged else {}
    log(tx, click.incident, NewEvent(EventType.APPROVAL_REFUSED, {**body, **more}), now)


def _first(incident: Incident | None, plan_hash: str) -> str:
    option = option_of(incident, plan_hash) if incident else None
    if option is None or not option.approved_by:
        return ""
    at = datetime.fromtimestamp(option.approved_at_ms / 1000, UTC).strftime("%H:%M:%S")
    return f"<@{option.approved_by}> approved option {option.letter} at {at} UTC; follow it on the card."
