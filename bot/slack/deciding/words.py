"""What a command or a mention comes to. Reading is answered in private; changing is one event; approving is a button."""

from collections.abc import Callable, Mapping

from bot.blocks import answers, modals
from bot.blocks.answers import said
from bot.blocks.ids import ModalPlace, Reference
from bot.blocks.options import decidable
from bot.blocks.postmortem import actors_of
from bot.blocks.shape import Rendered
from bot.blocks.text import safe
from bot.domain.command import Command, CommandVerb, Unknown, parse
from bot.domain.event_words import USAGE, event_from
from bot.domain.gate import Verb
from bot.domain.incident import Incident, OptionView, Severity
from bot.domain.records import IncidentRow
from bot.pipeline.try_out import send_test
from bot.ports import Chat, Transaction
from bot.slack.deciding import changes, freezing, ordering, regrouping, reviewing
from bot.slack.deciding.parts import (
    DecidingParts,
    Decision,
    GateRequest,
    Request,
    card_place,
    folded,
    implied,
    known_member,
)
from bot.slack.names import names_of

_GROUP_ONLY = (CommandVerb.EVENT, CommandVerb.UNFREEZE)
_ALWAYS = (CommandVerb.STOP, CommandVerb.FREEZE, CommandVerb.HELP)
_Incidental = Callable[[DecidingParts, Transaction, Request, Command, IncidentRow], Decision]
_General = Callable[[DecidingParts, Transaction, Request, Command], Decision]


def decide(parts: DecidingParts, tx: Transaction, request: Request) -> Decision:
    """Read the words and obey them, or say what was probably meant."""
    command = parse(str(request.payload["text"]))
    if isinstance(command, Unknown):
        return Decision("unknown verb", answers.help_text(command.word, command.nearest))
    return obey(parts, tx, request, command)


def obey(parts: DecidingParts, tx: Transaction, request: Request, command: Command) -> Decision:
    """Obey one parsed command."""
    if not known_member(request) and command.verb not in _ALWAYS:
        return Decision("unreadable", said("Slack did not say who you are; try again in a minute."))
    if command.verb in _GROUP_ONLY and not request.in_group:
        return Decision("not in group", said("Only the approver group may do this; ask one of its members."))
    if command.verb in _GENERAL:
        return _GENERAL[command.verb](parts, tx, request, command)
    row = implied(tx, request.person, command.number)
    if row is None:
        question = (
            f"There is no INC-{command.number}."
            if command.number
            else "*Which incident?* Name it, like INC-7:"
        )
        return Decision("which incident", answers.open_incidents(tx.open_incidents(), question))
    return _INCIDENTAL[command.verb](parts, tx, request, command, row)


def _help(parts: DecidingParts, tx: Transaction, request: Request, command: Command) -> Decision:
    return Decision("help", answers.help_text())


def _new(parts: DecidingParts, tx: Transaction, request: Request, command: Command) -> Decision:
    person = request.person
    if person.trigger_id:
        place = ModalPlace(Reference("new", "", 0).value(), person.channel, "", person.thread_ts)
        return Decision("new form", view=modals.new_incident(place, command.rest))
    if not command.rest:
        return Decision("no title", said("Say what is wrong: `@watchkeeper new checkout is down`."))
    return changes.open_incident(parts, tx, command.rest[:150], Severity.SEV3, by=person.user)


def _test(parts: DecidingParts, tx: Transaction, request: Request, command: Command) -> Decision:
    over = command.rest.lower() in ("end", "over", "resolved", "resolve")
    send_test(tx, by=request.person.user, now=parts.clock.now(), over=over)
    if over:
        return Decision("test ended", said("The test alert is over; its incident resolves by itself."))
    return Decision(
        "test sent",
        said("A test alert is on its way; its card appears in seconds. `/incident test end` ends it."),
    )


def _event(parts: DecidingParts, tx: Transaction, request: Request, command: Command) -> Decision:
    person, now = request.person, parts.clock.now()
    if command.rest in ("", "add") and person.trigger_id:
        place = ModalPlace(Reference("event", "", 0).value(), person.channel, "", person.thread_ts)
        return Decision("event form", view=modals.planned_event(place))
    try:
        words = event_from(command.rest, now=now)
    except ValueError as error:
        return Decision("event refused", said(safe(str(error) or USAGE, 300)))
    return changes.add_event(tx, words, by=person.user, now=now)


def _status(
    parts: DecidingParts, tx: Transaction, request: Request, command: Command, row: IncidentRow
) -> Decision:
    return Decision("status", answers.status(folded(tx, row)))


def _why(
    parts: DecidingParts, tx: Transaction, request: Request, command: Command, row: IncidentRow
) -> Decision:
    return Decision("why", answers.why(folded(tx, row)))


def _timeline(
    parts: DecidingParts, tx: Transaction, request: Request, command: Command, row: IncidentRow
) -> Decision:
    return Decision("timeline", answers.timeline(folded(tx, row)))


def _options(
    parts: DecidingParts, tx: Transaction, request: Request, command: Command, row: IncidentRow
) -> Decision:
    return Decision("options", answers.offered(folded(tx, row), deciding=False))


def _approve(
    parts: DecidingParts, tx: Transaction, request: Request, command: Command, row: IncidentRow
) -> Decision:
    incident = folded(tx, row)
    chosen = _chosen(incident, command.rest)
    if chosen is None or not request.person.trigger_id:
        return Decision("pointed to the button", answers.offered(incident, deciding=True))
    return reviewing.review(tx, Reference(incident.id, chosen.plan_hash, incident.seq), request)


def _reject(
    parts: DecidingParts, tx: Transaction, request: Request, command: Command, row: IncidentRow
) -> Decision:
    incident = folded(tx, row)
    chosen = _chosen(incident, command.rest)
    if chosen is None:
        return Decision("which option", answers.offered(incident, deciding=False))
    words = command.rest.split(maxsplit=1)
    named = bool(words) and words[0].upper() == chosen.letter.upper()
    why = (words[1] if len(words) > 1 else "") if named else command.rest
    gate = GateRequest(
        Verb.REJECT, incident.id, chosen.plan_hash, *card_place(tx, incident.id), reason=why[:300]
    )
    return Decision("reject", gate=gate)


def _chosen(incident: Incident, rest: str) -> OptionView | None:
    waiting = decidable(incident)
    letter = rest.split(maxsplit=1)[0].upper() if rest else ""
    named = next((option for option in waiting if option.letter.upper() == letter), None)
    return named or (waiting[0] if len(waiting) == 1 else None)


def _diagnose(
    parts: DecidingParts, tx: Transaction, request: Request, command: Command, row: IncidentRow
) -> Decision:
    return changes.investigate_again(
        tx, row.id, f"INC-{row.number}", by=request.person.user, channel=row.channel, now=parts.clock.now()
    )


def _stop(
    parts: DecidingParts, tx: Transaction, request: Request, command: Command, row: IncidentRow
) -> Decision:
    return changes.stop_incident(tx, row.id, by=request.person.user, now=parts.clock.now())


def _resolve(
    parts: DecidingParts, tx: Transaction, request: Request, command: Command, row: IncidentRow
) -> Decision:
    now = parts.clock.now()
    return changes.close_incident(tx, row.id, f"INC-{row.number}", by=request.person.user, now=now)


def _note(
    parts: DecidingParts, tx: Transaction, request: Request, command: Command, row: IncidentRow
) -> Decision:
    if not command.rest:
        return Decision("empty note", said("Say what to note: `/incident note we failed over by hand`."))
    now, key = parts.clock.now(), f"INC-{row.number}"
    return changes.add_note(tx, row.id, key, command.rest, by=request.person.user, now=now)


def _postmortem(
    parts: DecidingParts, tx: Transaction, request: Request, command: Command, row: IncidentRow
) -> Decision:
    incident, markdown = folded(tx, row), tx.postmortem(row.id)

    def answering(chat: Chat) -> Rendered:
        return answers.draft(incident, markdown, names_of(chat, actors_of(incident)))

    return Decision("post-mortem", answering=answering)


_GENERAL: Mapping[CommandVerb, _General] = {
    CommandVerb.HELP: _help,
    CommandVerb.NEW: _new,
    CommandVerb.TEST: _test,
    CommandVerb.EVENT: _event,
    CommandVerb.FREEZE: freezing.freeze,
    CommandVerb.UNFREEZE: freezing.unfreeze,
    CommandVerb.TIER: ordering.tier,
    CommandVerb.ORDERS: ordering.orders,
}
_INCIDENTAL: Mapping[CommandVerb, _Incidental] = {
    CommandVerb.STATUS: _status,
    CommandVerb.WHY: _why,
    CommandVerb.TIMELINE: _timeline,
    CommandVerb.OPTIONS: _options,
    CommandVerb.APPROVE: _approve,
    CommandVerb.REJECT: _reject,
    CommandVerb.DIAGNOSE: _diagnose,
    CommandVerb.STOP: _stop,
    CommandVerb.RESOLVE: _resolve,
    CommandVerb.NOTE: _note,
    CommandVerb.MERGE: regrouping.merge_by_hand,
    CommandVerb.SPLIT: regrouping.split_by_hand,
    CommandVerb.POSTMORTEM: _postmortem,
}
