"""Freezing by words, which may only forbid; lifting by a form of its own, which words at most open.

A message in a channel can be written by anybody in anybody's thread, and be quoted; so no words lift anything.
"""

from datetime import UTC, datetime

from bot.blocks import freezing as forms
from bot.blocks.answers import said
from bot.blocks.ids import ModalPlace, Reference
from bot.blocks.text import day_and_time, safe
from bot.domain.command import Command
from bot.domain.freeze_words import freeze_from
from bot.domain.scope import scope_words
from bot.pipeline.freeze import freeze_in, lift_in
from bot.pipeline.switch import Switched, switch_in
from bot.ports import Transaction
from bot.slack.deciding.parts import DecidingParts, Decision, Request, implied, known_member

_MOST_SHOWN = 60
_REFUSALS = {
    Switched.NO_SUCH_SCOPE: "There is no such scope; name it like `service checkout`, `action ID` or INC-7.",
    Switched.NO_SUCH_INCIDENT: "There is no such incident; name it like INC-7.",
    Switched.OVER: "That time is over already.",
}


def freeze(parts: DecidingParts, tx: Transaction, request: Request, command: Command) -> Decision:
    """Forbid changes: by a switch, or for a time where one is named."""
    now, by = parts.clock.now(), request.person.user
    try:
        words = freeze_from(command.rest, now=now, number=command.number)
    except ValueError as error:
        return Decision("freeze refused", said(safe(str(error), 300)))
    if words.window is None:
        outcome = switch_in(tx, words.scope, on=True, by=by, now=now)
        if outcome.reason is not Switched.SET:
            return Decision("no such scope", said(_REFUSALS[outcome.reason]))
        scope = safe(scope_words(outcome.scope), 120)
        text = f"Changes are frozen ({scope}); nothing new starts, running plans stop before their next step."
        return Decision("freeze", said(text))
    starts_at, ends_at = words.window
    entered = freeze_in(
        tx, words.scope, starts_at=starts_at, ends_at=ends_at, reason=words.reason, by=by, now=now
    )
    if entered.window is None:
        return Decision("freeze refused", said(_REFUSALS[entered.reason]))
    begins = "now" if starts_at <= now else f"from {day_and_time(int(starts_at * 1000))}"
    text = f"Changes are frozen {begins} ({safe(entered.window.words(), 300)}); it ends by itself."
    return Decision("freeze window", said(text))


def unfreeze(_parts: DecidingParts, tx: Transaction, request: Request, command: Command) -> Decision:
    """Open the form that lifts one switch or window; these words lift nothing."""
    if not request.person.trigger_id:
        text = "Words in a channel never lift a freeze: `/incident unfreeze` opens the form that does."
        return Decision("words lift nothing", said(text))
    held = _in_force(tx, request.received_at)
    if not held:
        return Decision("nothing frozen", said("Nothing is frozen."))
    person = request.person
    place = ModalPlace(Reference("unfreeze", "", 0).value(), person.channel, "", person.thread_ts)
    meant = _meant(tx, request, command)
    chosen = next((value for value, _words in held if value == meant), held[0][0])
    return Decision("unfreeze form", view=forms.unfreeze(place, held, chosen))


def lifted(parts: DecidingParts, tx: Transaction, request: Request) -> Decision:
    """The submitted form: an approver of ours, read now, lifts exactly what was chosen."""
    if not known_member(request) or request.person.team != parts.home_team:
        return Decision("unreadable", said("Slack did not say who you are; try again in a minute."))
    if not request.in_group:
        return Decision(
            "not in group", said("Only the approver group lifts a freeze; ask one of its members.")
        )
    kind, _, name = str(request.payload["values"].get("frozen", "")).partition("|")
    now, by = parts.clock.now(), request.person.user
    if kind == "window" and lift_in(tx, name, by=by, now=now):
        return Decision(
            "unfreeze", said("The freeze window is lifted; each change still needs its own approval.")
        )
    if kind == "switch" and tx.switched_on([name]) == name:
        outcome = switch_in(tx, name, on=False, by=by, now=now)
        if outcome.reason is Switched.LIFTED:
            text = f"Changes are allowed again ({safe(scope_words(name), 120)}); each still needs its own approval."
            return Decision("unfreeze", said(text + _still(tx, request.received_at)))
    return Decision("nothing to lift", said("This freeze is lifted already."))


def _in_force(tx: Transaction, now: float) -> list[tuple[str, str]]:
    """(value, words) of everything that can be lifted, newest last; values are made here, never typed."""
    numbers = {row.id: f"INC-{row.number}" for row in tx.open_incidents()}

    def words(scope: str) -> str:
        kind, _, name = scope.partition(":")
        return numbers.get(name, scope_words(scope)) if kind == "incident" else scope_words(scope)

    switches = [
        (f"switch|{switch.scope}", f"{words(switch.scope)}, since {_moment(switch.at)}")
        for switch in tx.switches_on()
    ]
    windows = [(f"window|{window.id}", window.words()) for window in tx.freezes(after=now)]
    return (switches + windows)[:_MOST_SHOWN]


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _meant(tx: Transaction, request: Request, command: Command) -> str:
    kind, _, name = command.rest.partition(" ")
    if kind.lower() in ("service", "action") and name.strip():
        return f"switch|{kind.lower()}:{name.strip()}"
    row = implied(tx, request.person, command.number)
    return f"switch|incident:{row.id}" if row is not None else ""


def _still(tx: Transaction, now: float) -> str:
    left = len(_in_force(tx, now))
    return f" {left} more {'freezes hold' if left > 1 else 'freeze holds'}." if left else ""
