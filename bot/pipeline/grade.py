"""grade: the one place where a severity changes, and with it where the incident lives.

Whatever first reaches a severity with a channel of its own moves there, once: the reason, the severity and the messages
that are wanted in the new place are one transaction, so that a crash leaves all of it or nothing. It never moves back.
"""

from bot.domain.event import EventType, NewEvent
from bot.domain.incident import Severity
from bot.domain.records import MessageKind
from bot.ports import Transaction

_FOLLOWS = (MessageKind.EVIDENCE, MessageKind.PROPOSAL)


def grade(
    tx: Transaction, incident: str, severity: Severity, *, reason: str, now: float, by: str = ""
) -> None:
    """Set the severity of an incident, with its reason; `by` is the person who did so, empty for the bot."""
    known = tx.incident(incident)
    moves = severity.own_channel and known is not None and known.state.open and not known.channel_wanted
    body = {"to": int(severity), "reason": reason, "by": by, "own_channel": moves}
    tx.append(incident, [NewEvent(EventType.SEVERITY_CHANGED, body)], at_ms=round(now * 1000))
    tx.set_severity(incident, severity)
    if moves:
        _move(tx, incident, now)


def _move(tx: Transaction, incident: str, now: float) -> None:
    """The card that people saw in the alerts channel becomes the one line there; what hung on it is shown anew."""
    shown = [kind for kind in _FOLLOWS if tx.message(incident, kind) is not None]
    if tx.leave_place(incident, now=now):
        tx.set_place(incident, channel="", thread_ts="")
        for kind in (MessageKind.CARD, *shown):
            tx.want_message(incident, kind, now=now)
    tx.want_message(incident, MessageKind.ANNOUNCEMENT, now=now)
