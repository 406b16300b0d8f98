"""The modals: open an incident, approve a plan after review, enter a planned event, lift a freeze."""

from typing import Any

from bot.blocks import options
from bot.blocks.ids import APPROVE_REVIEW, NEW_INCIDENT, PLANNED_EVENT, ModalPlace
from bot.blocks.shape import Block, context, fields, mrkdwn, plain_text, preformatted, section
from bot.blocks.text import day_and_time, line, safe
from bot.domain.gate_rules.person import LEAST_REASON_CHARS, MOST_REASON_CHARS
from bot.domain.incident import Incident, OptionView, Severity
from bot.domain.plan import ActionClass

View = dict[str, Any]
_SEVERITY_WORDS = {
    Severity.SEV1: "SEV1 · everything or money is down",
    Severity.SEV2: "SEV2 · users notice",
    Severity.SEV3: "SEV3 · degraded, few notice",
    Severity.SEV4: "SEV4 · to look at",
}


def new_incident(place: ModalPlace, title: str) -> View:
    """Ask for a title and a severity."""
    chosen = _choice(Severity.SEV3)
    severity = {
        "type": "static_select",
        "action_id": "severity",
        "options": [_choice(severity) for severity in Severity],
        "initial_option": chosen,
    }
    return modal(
        "New incident",
        "Open",
        NEW_INCIDENT,
        place,
        [
            field_input("title", "What is wrong?", one_line("title", title, 150)),
            field_input("severity", "How bad is it?", severity),
            context("SEV1 and SEV2 open a channel of their own."),
        ],
    )


def planned_event(place: ModalPlace) -> View:
    """Ask for a title, a time range and services."""
    return modal(
        "Planned event",
        "Enter",
        PLANNED_EVENT,
        place,
        [
            field_input("title", "What is planned?", one_line("title", "", 150)),
            field_input("when", "When, in UTC? 09:00-23:00 or two ISO times", one_line("when", "", 60)),
            field_input("services", "Services, empty for all", one_line("services", "", 300), optional=True),
        ],
    )


def review(incident: Incident, option: OptionView, place: ModalPlace) -> View:
    """Everything that is about to be approved, danger first; destructive plans ask for the target's name."""
    undo, back = options.undo_commands(option.plan), options.reversible_words(option)
    blocks: list[Block] = [
        {"type": "alert", "level": _level(option), "text": mrkdwn(_danger(option), 200)},
        section(
            f"*{incident.key}* {safe(incident.title, 120)}\n*{safe(option.letter, 20)}* {options.whole_title(option)}"
        ),
        preformatted(options.commands(option.plan)),
        fields(
            [
                ("Blast radius", safe(options.radius_words(option.plan), 200)),
                ("Expires", day_and_time(int(option.plan["expires_ms"]))),
            ]
        ),
        section(f"*Must hold afterwards*\n{options.checks_words(option.plan)}"),
        *([section("*Undo*, in this order"), preformatted(undo)] if undo else [section(f"*Undo*\n{back}")]),
        context(f"plan `{option.plan_hash[:8]}` · exactly this runs, once"),
    ]
    pending = options.agreed_words(option)
    if pending:
        blocks.insert(1, section(pending))
    if option.plan["klass"] == ActionClass.RISKY.value:
        blocks.append(field_input("reason", "Why is this right, now? Kept in the log.", _reason()))
    if options.destructive(option):
        names = sorted({str(step["target"]["name"]) for step in option.plan["steps"]})
        label = f"Type the target's name to approve: {line(', '.join(names), 200)}"
        blocks.append(field_input("typed", label, one_line("typed", "", 253)))
    return modal("Review the plan", "Approve & run", APPROVE_REVIEW, place, blocks)


def _danger(option: OptionView) -> str:
    radius = safe(options.radius_words(option.plan), 90)
    if options.destructive(option):
        return f"Destructive: touches {radius}. A second approver must agree. {_undo(option)}"
    return f"This changes production: {radius}. {_undo(option)}"


def _undo(option: OptionView) -> str:
    if options.reversible(option):
        return "It can be undone."
    partly = options.changes_something(option)
    return "Only part of it can be undone." if partly else "It cannot be undone."


def _level(option: OptionView) -> str:
    if option.plan["klass"] == ActionClass.SAFE.value:
        return "info"
    return "warning" if options.reversible(option) and not options.destructive(option) else "error"


def modal(title: str, submit: str, callback: str, place: ModalPlace, blocks: list[Block]) -> View:
    """A modal whose blocks each have an id."""
    return {
        "type": "modal",
        "callback_id": callback,
        "title": plain_text(title, 24),
        "submit": plain_text(submit, 24),
        "close": plain_text("Cancel", 24),
        "private_metadata": place.metadata(),
        "blocks": [
            {**block, "block_id": block.get("block_id", f"{callback}:{at}")}
            for at, block in enumerate(blocks)
        ],
    }


def field_input(name: str, label: str, element: Block, *, optional: bool = False) -> Block:
    """One question."""
    block = {"type": "input", "block_id": name, "label": plain_text(label, 300), "element": element}
    return {**block, "optional": True} if optional else block


def one_line(name: str, value: str, most: int) -> Block:
    """A line to write on, with what is filled in already."""
    element: Block = {"type": "plain_text_input", "action_id": name, "max_length": most}
    return {**element, "initial_value": line(value, most)} if value.strip() else element


def _reason() -> Block:
    words = one_line("reason", "", MOST_REASON_CHARS)
    return {**words, "multiline": True, "min_length": LEAST_REASON_CHARS}


def _choice(severity: Severity) -> Block:
    return {"text": plain_text(_SEVERITY_WORDS[severity], 75), "value": str(int(severity))}
