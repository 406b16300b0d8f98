"""The form that lifts a freeze: what is frozen, chosen from a list, lifted by its button and by no words."""

from collections.abc import Sequence

from bot.blocks.ids import UNFREEZE, ModalPlace
from bot.blocks.modals import View, field_input, modal
from bot.blocks.shape import Block, context, plain_text
from bot.blocks.text import line


def unfreeze(place: ModalPlace, held: Sequence[tuple[str, str]], chosen: str) -> View:
    """Ask what to lift; `held` are (value, words) of what is frozen, at least one."""
    choices = [_choice(value, words) for value, words in held]
    select: Block = {
        "type": "static_select",
        "action_id": "frozen",
        "options": choices,
        "initial_option": next(one for one in choices if one["value"] == chosen),
    }
    return modal(
        "Allow changes again",
        "Lift the freeze",
        UNFREEZE,
        place,
        [
            field_input("frozen", "Which freeze is over?", select),
            context("Only the approver group may. Each change still needs its own approval."),
        ],
    )


def _choice(value: str, words: str) -> Block:
    return {"text": plain_text(line(words, 75), 75), "value": value[:150]}
