"""Rules for what sits inside blocks: buttons, menus, inputs, images, confirm dialogs."""

from collections.abc import Callable
from typing import Any

from bot.local.slackdouble.model import Json
from bot.local.slackdouble.strict.problems import Problems

Check = Callable[[Problems, Json, str], None]


def confirm(found: Problems, value: Any, path: str) -> None:
    """A confirmation dialog."""
    if value is None:
        return
    if not isinstance(value, dict):
        found.add(path, "must be an object")
        return
    found.known_keys(value, path, "title text confirm deny style")
    found.text(value.get("title"), f"{path}/title", 100, plain=True)
    found.text(value.get("text"), f"{path}/text", 300)
    found.text(value.get("confirm"), f"{path}/confirm", 30, plain=True)
    found.text(value.get("deny"), f"{path}/deny", 30, plain=True)
    _style(found, value, path)


def _style(found: Problems, value: Json, path: str) -> None:
    if value.get("style") not in (None, "primary", "danger"):
        found.add(f"{path}/style", "must be one of primary, danger")


def button(found: Problems, value: Json, path: str) -> None:
    """A push button."""
    found.known_keys(value, path, "type text action_id url value style confirm accessibility_label")
    found.text(value.get("text"), f"{path}/text", 75, plain=True)
    found.string(value.get("value"), f"{path}/value", 2000, required=False)
    found.string(value.get("url"), f"{path}/url", 3000, required=False)
    found.string(value.get("accessibility_label"), f"{path}/accessibility_label", 75, required=False)
    _style(found, value, path)
    confirm(found, value.get("confirm"), f"{path}/confirm")


def options(found: Problems, value: Any, path: str, least: int, most: int) -> None:
    """The choices of a menu."""
    for at, option in enumerate(found.items(value, path, least, most)):
        where = f"{path}/{at}"
        if not isinstance(option, dict):
            found.add(where, "must be an option object")
            continue
        found.known_keys(option, where, "text value description url")
        found.text(option.get("text"), f"{where}/text", 75)
        found.string(option.get("value"), f"{where}/value", 150)
        found.text(option.get("description"), f"{where}/description", 75, required=False)


def overflow(found: Problems, value: Json, path: str) -> None:
    """A three-dot menu."""
    found.known_keys(value, path, "type action_id options confirm")
    options(found, value.get("options"), f"{path}/options", 1, 5)
    confirm(found, value.get("confirm"), f"{path}/confirm")


def _choice(most: int, extra: str) -> Check:
    def check(found: Problems, value: Json, path: str) -> None:
        found.known_keys(value, path, f"type action_id options confirm focus_on_load {extra}")
        if "option_groups" not in value:
            options(found, value.get("options"), f"{path}/options", 1, most)
        found.text(value.get("placeholder"), f"{path}/placeholder", 150, plain=True, required=False)
        confirm(found, value.get("confirm"), f"{path}/confirm")

    return check


def _picker(extra: str) -> Check:
    def check(found: Problems, value: Json, path: str) -> None:
        found.known_keys(value, path, f"type action_id placeholder confirm focus_on_load {extra}")
        found.text(value.get("placeholder"), f"{path}/placeholder", 150, plain=True, required=False)
        confirm(found, value.get("confirm"), f"{path}/confirm")

    return check


def text_input(found: Problems, value: Json, path: str) -> None:
    """A line or box to type into."""
    found.known_keys(
        value,
        path,
        "type action_id initial_value multiline min_length max_length placeholder focus_on_load "
        "dispatch_action_config is_decimal_allowed min_value max_value",
    )
    found.text(value.get("placeholder"), f"{path}/placeholder", 150, plain=True, required=False)
    found.string(value.get("initial_value"), f"{path}/initial_value", 3000, required=False)
    for key in ("min_length", "max_length"):
        number = value.get(key)
        if number is not None and (not isinstance(number, int) or not 0 <= number <= 3000):
            found.add(f"{path}/{key}", "must be between 0 and 3000")


def image(found: Problems, value: Json, path: str) -> None:
    """A picture by address or uploaded file; alt_text is mandatory."""
    found.known_keys(value, path, "type image_url slack_file alt_text title block_id")
    found.string(value.get("alt_text"), f"{path}/alt_text", 2000)
    if ("image_url" in value) == ("slack_file" in value):
        found.add(path, "exactly one of image_url and slack_file is required")
    found.string(value.get("image_url"), f"{path}/image_url", 3000, required=False)
    file = value.get("slack_file")
    if file is not None and not (isinstance(file, dict) and (file.get("id") or file.get("url"))):
        found.add(f"{path}/slack_file", "must have an id or a url")


def feedback(found: Problems, value: Json, path: str) -> None:
    """The thumbs up and down pair."""
    found.known_keys(value, path, "type action_id positive_button negative_button")
    for key in ("positive_button", "negative_button"):
        half = value.get(key)
        if not isinstance(half, dict):
            found.add(f"{path}/{key}", "missing required field")
            continue
        found.text(half.get("text"), f"{path}/{key}/text", 75, plain=True)
        found.string(half.get("value"), f"{path}/{key}/value", 2000)


ACTIONS: dict[str, Check] = {
    "button": button,
    "overflow": overflow,
    "static_select": _choice(100, "placeholder initial_option option_groups"),
    "multi_static_select": _choice(100, "placeholder initial_options option_groups max_selected_items"),
    "radio_buttons": _choice(10, "initial_option"),
    "checkboxes": _choice(10, "initial_options"),
    "users_select": _picker("initial_user"),
    "multi_users_select": _picker("initial_users max_selected_items"),
    "channels_select": _picker("initial_channel response_url_enabled"),
    "conversations_select": _picker(
        "initial_conversation default_to_current_conversation filter response_url_enabled"
    ),
    "datepicker": _picker("initial_date"),
    "timepicker": _picker("initial_time timezone"),
    "datetimepicker": _picker("initial_date_time"),
}
INPUTS: dict[str, Check] = {
    **{k: v for k, v in ACTIONS.items() if k not in ("button", "overflow")},
    "plain_text_input": text_input,
    "number_input": text_input,
    "email_text_input": text_input,
    "url_text_input": text_input,
}


def element(found: Problems, value: Any, path: str, allowed: dict[str, Check]) -> None:
    """One interactive element out of the allowed kinds, with its action_id unique in the surface."""
    if not isinstance(value, dict):
        found.add(path, "must be an object")
        return
    check = allowed.get(str(value.get("type")))
    if check is None:
        found.add(f"{path}/type", f"unsupported element: {value.get('type')}")
        return
    if value.get("type") != "image":
        found.unique(value.get("action_id"), f"{path}/action_id", found.action_ids)
    check(found, value, path)
