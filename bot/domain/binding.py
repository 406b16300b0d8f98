"""Binding: a playbook and live targets become steps of catalogue commands, or a sentence why they cannot.

Every value is a constant of the playbook, an identifier that the inventory gave, or a bounded number of it;
nothing from alerts, logs, people or models has a way in.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bot.domain.actions.table import action_of
from bot.domain.catalogue import Action, Live, planned_step
from bot.domain.errors import Refused
from bot.domain.plan import ActionClass, PlannedStep, Target
from bot.domain.playbook import MAIN_TARGET, Input, Playbook, PlaybookStep, Precondition
from bot.domain.price import COST

_WHOLE = re.compile(r"[0-9]{1,12}")
_IDENTIFIER = re.compile(r"[A-Za-z0-9/][A-Za-z0-9._:/@-]{0,254}")
_DANGER = (ActionClass.SAFE, ActionClass.RISKY, ActionClass.DESTRUCTIVE)

Values = Mapping[str, str | int]
Found = Sequence[tuple[Target, Live]]


@dataclass(frozen=True, slots=True)
class Bound:
    """A playbook bound to live targets: its steps, how dangerous they are, how much they touch."""

    target: Target
    steps: tuple[PlannedStep, ...]
    klass: ActionClass
    blast_radius: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Use:
    """One step of the playbook on one of its targets."""

    id: str
    step: PlaybookStep
    action: Action
    target: Target
    live: Live
    params: Values


def bind(playbook: Playbook, found: Mapping[str, Found], *, now: float) -> Bound:
    """Bind all steps; raises Refused with the sentence for the card, or Permanent from the catalogue.

    `found` holds the live targets of every target input, at least one each.
    """
    values = bound_values(playbook, found)
    unmet = unmet_precondition(playbook, found, values, now=now)
    if unmet:
        raise Refused(unmet, rule="precondition")
    uses = list(_uses(playbook, found, values))
    main = found[MAIN_TARGET][0][0]
    try:
        _not_refused(uses)
        radius = _radius(playbook, main, uses)
        steps = tuple(
            planned_step(
                use.action, use.id, use.target, use.live, use.params, irreversible=use.step.irreversible
            )
            for use in uses
        )
    except (KeyError, ValueError) as error:
        message = f"{main.name}: the inventory's live fields are incomplete or no numbers ({error})."
        raise Refused(message, rule="live_fields") from error
    if playbook.on_failure == "rollback" and any(step.undo_params is None for step in steps):
        message = f"{main.name}: a step has no way back from the present state."
        raise Refused(message, rule="irreversible")
    klass = max((use.action.klass for use in uses), key=_DANGER.index)
    return Bound(main, steps, klass, radius)


def bound_values(playbook: Playbook, found: Mapping[str, Found]) -> dict[str, str | int]:
    """The values of all inputs that are no targets; raises Refused where one cannot be had."""
    return {item.name: _value(item, *_one(item, found)) for item in playbook.inputs if not item.is_target}


def unmet_precondition(
    playbook: Playbook, found: Mapping[str, Found], values: Values, *, now: float
) -> str | None:
    """The sentence of the first precondition that does not hold for the live targets, or None."""
    for condition in playbook.preconditions:
        for target, live in found[condition.of]:
            if not _holds(condition, live, found, values, now):
                return f"{target.name}: it does not hold that {condition.name}."
    return None


def is_bound_from(playbook: Playbook, steps: Sequence[PlannedStep]) -> bool:
    """Whether these planned steps are the playbook's own, in order, each on as many targets as it may have."""
    most = {item.name: item.most for item in playbook.targets}
    left = list(steps)
    for step in playbook.steps:
        several = most.get(step.on, 1) > 1
        wanted = (
            [f"{step.id}_{number + 1}" for number in range(most.get(step.on, 1))] if several else [step.id]
        )
        taken = 0
        while taken < len(wanted) and left and (left[0].id, left[0].action) == (wanted[taken], step.uses):
            left.pop(0)
            taken += 1
        if not taken:
            return False
    return not left


def _one(item: Input, found: Mapping[str, Found]) -> tuple[Target, Live]:
    return found[item.source.partition(".")[0]][0]


def _uses(playbook: Playbook, found: Mapping[str, Found], values: Values) -> Iterator[_Use]:
    """Each step on each of its targets, with the live fields as the steps before it will have left them."""
    most = {item.name: item.most for item in playbook.targets}
    changed: dict[str, dict[str, str]] = {}
    for step in playbook.steps:
        action, params = action_of(step.uses), _arguments(step, values)
        for number, (target, live) in enumerate(found[step.on]):
            step_id = f"{step.id}_{number + 1}" if most.get(step.on, 1) > 1 else step.id
            so_far = changed.setdefault(target.uid, {})
            yield _Use(step_id, step, action, target, {**live, **so_far}, params)
            so_far.update(action.sets(params))


def _not_refused(uses: Sequence[_Use]) -> None:
    for use in uses:
        why = use.action.refuses(use.live, use.params)
        if why:
            message = f"{use.target.name}: {why}"
            raise Refused(message, rule="action_refuses")


def _value(item: Input, target: Target, live: Live) -> str | int:
    field = item.source.partition(".")[2]
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
        message = f"{target.name}: its {item.source.partition('.')[2]} is not a whole number."
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


def _holds(
    condition: Precondition, live: Live, found: Mapping[str, Found], values: Values, now: float
) -> bool:
    left = live.get(condition.field)
    if left is None:
        return False
    if condition.operator == "within":
        return bool(_WHOLE.fullmatch(left)) and now - int(left) <= int(condition.value)
    right = _operand(condition, live, found, values)
    if right is None:
        return False
    if _WHOLE.fullmatch(left) and _WHOLE.fullmatch(right):
        return _compare(condition.operator, int(left), int(right))
    return condition.operator in ("==", "!=") and _compare(condition.operator, left, right)


def _operand(condition: Precondition, live: Live, found: Mapping[str, Found], values: Values) -> str | None:
    place, _, field = condition.value.partition(".")
    if place == "inputs":
        return str(values[field])
    if place == condition.of and field:
        return live.get(field)
    if place in found and field:
        return found[place][0][1].get(field)
    return condition.value


def _compare(operator: str, left: int | str, right: int | str) -> bool:
    if operator in ("==", "!="):
        return (left == right) is (operator == "==")
    low, high = (left, right) if operator in ("<", "<=") else (right, left)
    if isinstance(low, int) and isinstance(high, int):
        return low < high or (low == high and operator in ("<=", ">="))
    return False


def _radius(playbook: Playbook, main: Target, uses: Sequence[_Use]) -> dict[str, int]:
    total: dict[str, int] = {}
    for use in uses:
        for unit, count in use.action.blast_radius(use.live, use.params).items():
            if count < 0:
                message = (
                    f"{use.target.name}: what it would cost is unknown; give its price in WATCHKEEPER_PRICES."
                )
                raise Refused(message, rule="price")
            total[unit] = total.get(unit, 0) + count
    if not total.get(COST):
        total.pop(COST, None)  # A card does not say that nothing is spent.
    for unit, count in total.items():
        cap = playbook.blast_radius.get(unit, 0)
        if count > cap:
            message = f"{main.name}: it would touch {count} {unit}, the playbook's cap is {cap}."
            raise Refused(message, rule="blast_radius")
    return total
