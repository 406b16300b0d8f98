"""Finding interactive elements in blocks, and what each sends when used; pure functions."""

from collections.abc import Iterator
from typing import Any

from bot.local.slackdouble.model import Json

_LISTS = {
    "multi_static_select": "selected_options",
    "checkboxes": "selected_options",
}
_CHOICES = {"overflow", "static_select", "radio_buttons"}
_PICKED = {
    "users_select": "selected_user",
    "channels_select": "selected_channel",
    "conversations_select": "selected_conversation",
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "datetimepicker": "selected_date_time",
    "multi_users_select": "selected_users",
}


def interactive(blocks: list[Json]) -> Iterator[tuple[str, Json]]:
    """Every interactive element with the id of its block, containers included."""
    for block in blocks:
        block_id = str(block.get("block_id", ""))
        if block.get("type") == "container":
            yield from interactive(block.get("child_blocks", []))
        single = block.get("accessory") or block.get("element")
        for element in [*block.get("elements", []), *([single] if single else [])]:
            if isinstance(element, dict) and "action_id" in element:
                yield block_id, element


def action(blocks: list[Json], action_id: str, block_id: str | None) -> tuple[str, Json] | None:
    """The element with this action_id, in the given block if one is named."""
    for where, element in interactive(blocks):
        if element["action_id"] == action_id and block_id in (None, where):
            return where, element
    return None


def options(element: Json) -> list[Json]:
    """All choices of a menu, groups flattened."""
    grouped = [o for g in element.get("option_groups", []) for o in g.get("options", [])]
    return [*element.get("options", []), *grouped]


def _option(element: Json, value: Any) -> Json | None:
    return next((o for o in options(element) if o.get("value") == value), None)


def used(element: Json, value: Any) -> Json:
    """What an element reports in actions[] and state; ValueError for a choice that it does not offer."""
    kind = str(element["type"])
    if kind == "button":
        return {
            "type": kind,
            "text": element["text"],
            **({"value": element["value"]} if "value" in element else {}),
        }
    if kind == "feedback_buttons":
        return {"type": kind, "value": value}
    if kind in _LISTS:
        chosen = [_option(element, v) for v in (value or [])]
        if None in chosen:
            raise ValueError(f"{value!r} is not offered")
        return {"type": kind, _LISTS[kind]: chosen}
    if kind in _CHOICES:
        option = _option(element, value)
        if value and option is None:
            raise ValueError(f"{value!r} is not offered")
        return {"type": kind, "selected_option": option}
    if kind in _PICKED:
        return {"type": kind, _PICKED[kind]: value or None}
    return {"type": kind, "value": value or None}


def initial(element: Json) -> Any:
    """The value that an input starts with, in the driver's plain form."""
    if "initial_option" in element:
        return element["initial_option"].get("value")
    if "initial_options" in element:
        return [o.get("value") for o in element["initial_options"]]
    starts = ("value", "date", "time", "date_time", "user", "users", "channel", "conversation")
    return next((element[f"initial_{k}"] for k in starts if f"initial_{k}" in element), None)


def form_values(blocks: list[Json], given: Json) -> tuple[Json, dict[str, str]]:
    """view.state.values for typed values, and per block what the Slack client itself would refuse."""
    values: Json = {}
    faults: dict[str, str] = {}
    for block in blocks:
        if block.get("type") != "input":
            continue
        element, block_id = block["element"], block["block_id"]
        value = given.get(block_id, {}).get(element["action_id"], initial(element))
        try:
            values[block_id] = {element["action_id"]: used(element, value)}
        except ValueError as fault:
            faults[block_id] = str(fault)
            continue
        if value in (None, "", []):
            if not block.get("optional"):
                faults[block_id] = "This field is required."
        elif isinstance(value, str) and not _length_fits(element, value):
            faults[block_id] = "The text is too short or too long."
    return values, faults


def _length_fits(element: Json, value: str) -> bool:
    if not str(element["type"]).endswith("text_input"):
        return True
    return int(element.get("min_length", 0)) <= len(value) <= int(element.get("max_length", 3000))
