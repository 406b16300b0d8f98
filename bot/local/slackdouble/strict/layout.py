"""The validator's entry: a list of blocks for a message or a view, or a whole view, against Slack's limits."""

from collections.abc import Callable
from typing import Any, Literal

from bot.local.slackdouble.model import Json
from bot.local.slackdouble.strict import elements, rich
from bot.local.slackdouble.strict.problems import Problems

Surface = Literal["message", "modal", "home"]
_MARKDOWN = 12_000


def check_blocks(blocks: Any, surface: Surface) -> list[str]:
    """Every fault of these blocks on that surface; an empty list when Slack would take them."""
    found = Problems()
    most = 50 if surface == "message" else 100
    for at, block in enumerate(found.items(blocks, "/blocks", 0, most)):
        _block(found, block, f"/blocks/{at}", surface, _BLOCKS)
    if found.markdown_chars > _MARKDOWN:
        found.add("/blocks", f"markdown text must be less than {_MARKDOWN + 1} characters in total")
    return found.found


def check_view(view: Any) -> list[str]:
    """Every fault of a modal or Home view."""
    found = Problems()
    if not isinstance(view, dict):
        found.add("/view", "must be an object")
        return found.found
    found.known_keys(
        view,
        "/view",
        "type title submit close blocks private_metadata callback_id clear_on_close notify_on_close "
        "external_id submit_disabled",
    )
    if view.get("type") not in ("modal", "home"):
        found.add("/view/type", "must be modal or home")
        return found.found
    modal = view["type"] == "modal"
    if modal:
        found.text(view.get("title"), "/view/title", 24, plain=True)
        found.text(view.get("submit"), "/view/submit", 24, plain=True, required=False)
        found.text(view.get("close"), "/view/close", 24, plain=True, required=False)
    found.string(view.get("private_metadata", ""), "/view/private_metadata", 3000, required=False)
    found.string(view.get("callback_id", ""), "/view/callback_id", 255, required=False)
    found.string(view.get("external_id"), "/view/external_id", 255, required=False)
    blocks = view.get("blocks")
    has_input = isinstance(blocks, list) and any(
        isinstance(b, dict) and b.get("type") == "input" for b in blocks
    )
    if modal and has_input and not view.get("submit"):
        found.add("/view/submit", "required when the view has input blocks")
    return found.found + check_blocks(blocks, "modal" if modal else "home")


def _block(found: Problems, block: Any, path: str, surface: Surface, allowed: dict[str, "Check"]) -> None:
    if not isinstance(block, dict):
        found.add(path, "must be an object")
        return
    kind = str(block.get("type"))
    if kind not in allowed:
        found.add(f"{path}/type", f"unsupported block type: {kind}")
        return
    if kind == "alert" and surface != "modal":
        found.add(path, "alert blocks are only allowed in modals")
    if kind == "data_visualization" and surface != "message":
        found.add(path, "data_visualization blocks are only allowed in messages")
    found.unique(block.get("block_id"), f"{path}/block_id", found.block_ids)
    allowed[kind](found, block, path)


def _header(found: Problems, block: Json, path: str) -> None:
    found.known_keys(block, path, "type text block_id level")
    found.text(block.get("text"), f"{path}/text", 150, plain=True)


def _section(found: Problems, block: Json, path: str) -> None:
    found.known_keys(block, path, "type text fields accessory block_id expand")
    if block.get("text") is None and not block.get("fields"):
        found.add(path, "text or fields is required")
    found.text(block.get("text"), f"{path}/text", 3000, required=False)
    if block.get("fields") is not None:
        for at, entry in enumerate(found.items(block["fields"], f"{path}/fields", 1, 10)):
            found.text(entry, f"{path}/fields/{at}", 2000)
    if block.get("accessory") is not None:
        allowed = {**elements.ACTIONS, "image": elements.image}
        elements.element(found, block["accessory"], f"{path}/accessory", allowed)


def _context(found: Problems, block: Json, path: str) -> None:
    found.known_keys(block, path, "type elements block_id")
    for at, part in enumerate(found.items(block.get("elements"), f"{path}/elements", 1, 10)):
        where = f"{path}/elements/{at}"
        if isinstance(part, dict) and part.get("type") == "image":
            elements.image(found, part, where)
        else:
            found.text(part, where, 3000)


def _actions(found: Problems, block: Json, path: str) -> None:
    found.known_keys(block, path, "type elements block_id")
    for at, part in enumerate(found.items(block.get("elements"), f"{path}/elements", 1, 25)):
        elements.element(found, part, f"{path}/elements/{at}", elements.ACTIONS)


def _context_actions(found: Problems, block: Json, path: str) -> None:
    found.known_keys(block, path, "type elements block_id")
    for at, part in enumerate(found.items(block.get("elements"), f"{path}/elements", 1, 5)):
        elements.element(found, part, f"{path}/elements/{at}", {"feedback_buttons": elements.feedback})


def _divider(found: Problems, block: Json, path: str) -> None:
    found.known_keys(block, path, "type block_id")


def _markdown(found: Problems, block: Json, path: str) -> None:
    found.known_keys(block, path, "type text block_id")
    found.string(block.get("text"), f"{path}/text", _MARKDOWN)
    found.markdown_chars += len(str(block.get("text") or ""))


def _image(found: Problems, block: Json, path: str) -> None:
    elements.image(found, block, path)
    found.text(block.get("title"), f"{path}/title", 2000, plain=True, required=False)


def _input(found: Problems, block: Json, path: str) -> None:
    found.known_keys(block, path, "type label element dispatch_action hint optional block_id")
    found.text(block.get("label"), f"{path}/label", 2000, plain=True)
    found.text(block.get("hint"), f"{path}/hint", 2000, plain=True, required=False)
    elements.element(found, block.get("element"), f"{path}/element", elements.INPUTS)


def _alert(found: Problems, block: Json, path: str) -> None:
    found.known_keys(block, path, "type text level block_id")
    found.text(block.get("text"), f"{path}/text", 200)
    if block.get("level") not in (None, "default", "info", "warning", "error", "success"):
        found.add(f"{path}/level", "must be default, info, warning, error or success")


def _container(found: Problems, block: Json, path: str) -> None:
    found.known_keys(
        block,
        path,
        "type title rich_text_title subtitle child_blocks width icon is_collapsible default_collapsed "
        "has_header_divider block_id",
    )
    if block.get("rich_text_title") is not None:
        rich.rich_text(found, block["rich_text_title"], f"{path}/rich_text_title")
    else:
        found.text(block.get("title"), f"{path}/title", 150, plain=True)
    found.text(block.get("subtitle"), f"{path}/subtitle", 150, required=False)
    if block.get("default_collapsed") and not block.get("is_collapsible"):
        found.add(f"{path}/default_collapsed", "requires is_collapsible")
    if block.get("has_header_divider") and block.get("is_collapsible"):
        found.add(f"{path}/has_header_divider", "cannot be used with is_collapsible")
    if block.get("width") not in (None, "narrow", "standard", "wide", "full"):
        found.add(f"{path}/width", "must be narrow, standard, wide or full")
    for at, child in enumerate(found.items(block.get("child_blocks"), f"{path}/child_blocks", 1, 10)):
        _block(found, child, f"{path}/child_blocks/{at}", "message", _CHILDREN)


Check = Callable[[Problems, Json, str], None]
_CHILDREN: dict[str, Check] = {
    "section": _section,
    "context": _context,
    "actions": _actions,
    "divider": _divider,
    "header": _header,
    "image": _image,
    "rich_text": rich.rich_text,
    "table": rich.table,
    "markdown": _markdown,
}
_BLOCKS: dict[str, Check] = {
    **_CHILDREN,
    "context_actions": _context_actions,
    "input": _input,
    "alert": _alert,
    "container": _container,
    "data_table": rich.data_table,
    "plan": rich.plan,
    "task_card": rich.task_card,
    "data_visualization": rich.data_visualization,
}
