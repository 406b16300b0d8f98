"""What the submitted forms come to."""

from bot.blocks.answers import said
from bot.blocks.text import safe
from bot.domain.event_words import event_of
from bot.domain.incident import Severity
from bot.ports import Transaction
from bot.slack.deciding.changes import add_event, open_incident
from bot.slack.deciding.parts import DecidingParts, Decision, Request, known_member


def new_incident(parts: DecidingParts, tx: Transaction, request: Request) -> Decision:
    """Open the incident of the form."""
    values = request.payload["values"]
    title = " ".join(str(values["title"]).split())
    if not title or not known_member(request):
        return Decision(
            "not declared", said("No incident was opened: it needs a title and a readable account.")
        )
    return open_incident(parts, tx, title, Severity(int(values["severity"])), by=request.person.user)


def planned_event(parts: DecidingParts, tx: Transaction, request: Request) -> Decision:
    """Enter the event of the form; a mistake in it is answered in one sentence."""
    if not request.in_group:
        return Decision(
            "not in group", said("Only the approver group enters planned events; ask one of its members.")
        )
    values, now = request.payload["values"], parts.clock.now()
    try:
        words = event_of(str(values["title"]), str(values["when"]), str(values.get("services", "")), now=now)
    except ValueError as error:
        return Decision("event refused", said(safe(str(error), 300)))
    return add_event(tx, words, by=request.person.user, now=now)
