"""The form that says what belongs together: this incident is part of another, or some of its services are another fault."""

from collections.abc import Sequence

from bot.blocks.ids import REGROUP, ModalPlace
from bot.blocks.modals import View, field_input, modal, one_line
from bot.blocks.shape import Block, context, plain_text, section
from bot.blocks.text import line, safe
from bot.domain.records import IncidentRow

_MOST = 100
_VALUE_CHARS = 150


def regroup(
    place: ModalPlace, row: IncidentRow, others: Sequence[IncidentRow], counts: Sequence[tuple[str, int]]
) -> View:
    """Ask for one of the two; `others` are open incidents, `counts` alerts by service, the loudest first."""
    blocks: list[Block] = [section(f"*INC-{row.number}* {safe(row.title, 120)}")]
    if others:
        incidents = [_choice(f"INC-{one.number} · {one.title}", one.id) for one in others[:_MOST]]
        blocks.append(_select("into", "static_select", "This incident is part of", incidents))
    parts = [(name, count) for name, count in counts if 0 < len(name) <= _VALUE_CHARS and "\n" not in name]
    if len(parts) > 1:
        services = [
            _choice(f"{name} · {count} {'alerts' if count != 1 else 'alert'}", name)
            for name, count in parts[:_MOST]
        ]
        blocks.append(
            _select("services", "multi_static_select", "These services are another fault", services)
        )
    blocks.append(field_input("why", "Why?", one_line("why", "", 300), optional=True))
    blocks.append(context("One of the two. It is remembered: newer alerts and the bot go by it."))
    return modal("Merge or split", "Apply", REGROUP, place, blocks)


def _select(name: str, kind: str, label: str, choices: list[Block]) -> Block:
    element: Block = {
        "type": kind,
        "action_id": name,
        "placeholder": plain_text("Choose", 150),
        "options": choices,
    }
    return field_input(name, label, element, optional=True)


def _choice(words: str, value: str) -> Block:
    return {"text": plain_text(line(words, 75), 75), "value": value}
