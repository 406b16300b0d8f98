"""Binding: a playbook and one live target become steps of catalogue commands, or a sentence why they cannot.

Every value is a constant of the playbook, an identifier that the inventory gave, or a bounded number of it;
nothing from alerts, logs, people or models has a way in.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from bot.domain.actions import action_of
from bot.domain.catalogue import Action, Live, planned_step
from bot.domain.errors import Refused
from bot.domain.plan import ActionClass, PlannedStep, Target
from bot.domain.playbook import TARGET_KINDS, Input, Playbook, PlaybookStep, Precondition

_WHOLE = re.compile(r"[0-9]{1,12}")
_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,254}")
_DANGER = (ActionClass.SAFE, ActionClass.RISKY, ActionClass.DESTRUCTIVE)

Values = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Bound:
    """A playbook bound to one target: its steps, how dangerous they are, and how much they touch."""

    target: Target
    steps: tuple[PlannedStep, ...]
    klass: ActionClass
    blast_radius: Mapping[str, int]


def bind(playbook: Playbook, target: Target, live: Live, *, now: float) -> Bound:
    """Bind all steps; raises Refused with the sentence for the card, or Permanent from the catalogue."""
    values = {
        item.name: _value(item, target, live) for item in playbook.inputs if item.type not in TARGET_KINDS
    }
    for condition in playbook.preconditions:
        if not _holds(condition, live, values, now):
            message = f"{target.name}: it does not hold that {condition.name}."
            raise Refused(message, rule="precondition")
    used = [(action_of(step.uses), step, _arguments(step, values)) for step in playbook.steps]
    try:
        radius = _radius(playbook, target, live, used)
        steps = tuple(
            planned_step(action, step.id, target, live, params, irreversible=step.irreversible)
            for action, step, params in used
        )
    except (KeyError, ValueError) as error:
        message = f"{target.name}: the inventory's live fields are incomplete or no numbers ({error})."
        raise Refused(message, rule="live_fields") from error
    if playbook.on_failure == "rollback" and any(step.undo_params is None for step in steps):
        message = f"{target.name}: a step has no way back from the present state."
        raise Refused(message, rule="irreversible")
    klass = max((action.klass for action, _step, _params in used), key=_DANGER.index)
    return Bound(target, steps, klass, radius)


def _value(item: Input, target: Target, live: Live) -> str | int:
    field = item.source.removeprefix("target.")
    text = live.get(field, "")
    if not text:
        message = f"{target.name} has no {field.replace('_', ' ')}."
        raise Refused(message, rule="no_value")
    if item.type == "name":
        if _IDENTIFIER.fullmatch(text):
            return text
        message = f"{target.name}: its {field.replace('_', ' ')} is not an identifier."
        raise Refused(message, rule="not_an_identifier")
    return _number(item, target, text)


def _number(item: Input, target: Target, text: str) -> int:
    if not _WHOLE.fullmatch(text):
        message = f"{target.name}: its {item.source.removeprefix('target.')} is not a whole number."
        raise Refused(message, rule="not_a_number")
    number = -(-int(text) * item.percent // 100)
    low, high = item.minimum or 0, item.maximum if item.maximum is not None else 0
    if not low <= number <= high:
        message = f"{target.name}: {item.name} would be {number}, the playbook allows {low} to {high}."
        raise Refused(message, rule="bounds")
    return number


def _arguments(step: PlaybookStep, values: Values) -> dict[str, str | int]:
    return {
        name: values[given.removeprefix("inputs.")] if isinstance(given, str) else given
        for name, given in step.arguments.items()
    }


def _holds(condition: Precondition, live: Live, values: Values, now: float) -> bool:
    left = live.get(condition.field)
    if left is None:
        return False
    if condition.operator == "within":
        return bool(_WHOLE.fullmatch(left)) and now - int(left) <= int(condition.value)
    right = _operand(condition.value, live, values)
    if right is None:
        return False
    if _WHOLE.fullmatch(left) and _WHOLE.fullmatch(right):
        return _compare(condition.operator, int(left), int(right))
    return condition.operator in ("==", "!=") and _compare(condition.operator, left, right)


def _operand(value: str, live: Live, values: Values) -> str | None:
    if value.startswith("inputs."):
        return str(values[value.removeprefix("inputs.")])
    if value.startswith("target."):
        return live.get(value.removeprefix("target."))
    return value


def _compare(operator: str, left: int | str, right: int | str) -> bool:
    if operator in ("==", "!="):
        return (left == right) is (operator == "==")
    low, high = (left, right) if operator in ("<", "<=") else (right, left)
    if isinstance(low, int) and isinstance(high, int):
        return low < high or (low == high and operator in ("<=", ">="))
    return False


def _radius(
    playbook: Playbook,
    target: Target,
    live: Live,
    used: list[tuple[Action, PlaybookStep, dict[str, str | int]]],
) -> dict[str, int]:
    total: dict[str, int] = {}
    for action, _step, params in used:
        for unit, count in action.blast_radius(live, params).items():
            total[unit] = total.get(unit, 0) + count
    for unit, count in total.items():
        cap = playbook.blast_radius.get(unit, 0)
        if count > cap:
            message = f"{target.name}: it would touch {count} {unit}, the playbook's cap is {cap}."
            raise Refused(message, rule="blast_radius")
    return total
