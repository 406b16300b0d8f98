"""The review of one plan: a modal that shows everything that would be approved, opened from a button or a command."""

from bot.blocks import modals
from bot.blocks.answers import said
from bot.blocks.ids import ModalPlace, Reference
from bot.blocks.options import showable, state_words
from bot.domain.incident_fold import option_of
from bot.domain.plan import PlanState
from bot.ports import Transaction
from bot.slack.deciding.parts import Decision, Request, card_place


def review(tx: Transaction, reference: Reference, request: Request) -> Decision:
    """Open the review of one plan for this person, or say why there is nothing to review."""
    incident = tx.incident(reference.incident)
    option = option_of(incident, reference.plan_hash) if incident else None
    if incident is None or option is None:
        return Decision("no such option", said("This option is gone; use the newest card of the incident."))
    if incident.observe_only:
        return Decision("observe only", said("Watchkeeper runs in observe mode and changes nothing."))
    if option.state is not PlanState.PROPOSED:
        return Decision(
            "already decided", said(f"Option {option.letter} is no longer open: {state_words(option)}.")
        )
    if not showable(option):
        return Decision("not showable", said("This plan cannot be shown exactly, so it cannot be approved."))
    channel, ts = card_place(tx, incident.id)
    place = ModalPlace(reference.value(), channel, ts, request.person.thread_ts)
    return Decision("review opened", view=modals.review(incident, option, place))
