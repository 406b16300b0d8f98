"""Our own reading of Slack's limits, asked before anything is sent; empty answer means that Slack should take it.

It is deliberately narrower than Slack: only the shapes that `bot.blocks.shape` builds are known.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

from bot.blocks.shape import Rendered

Surface = Literal["message", "modal"]
_Faults = list[str]
_Block = Mapping[str, Any]
_CHILDREN = ("section", "context", "actions", "divider", "header", "rich_text", "table")


def faults(blocks: Sequence[_Block], surface: Surface = "message") -> list[str]:
    """Everything in `blocks` that Slack would refuse, one sentence each."""
    found: _Faults = []
    most = 50 if surface == "message" else 100
    if len(blocks) > most:
        found.append(f"{len(blocks)} blocks, {most} allowed")
    flat = list(_flat(blocks))
    for block in flat:
        kind = str(block.get("type"))
        checker = _CHECKS.get(kind)
        if checker is None:
            found.append(f"{kind}: unknown block")
        else:
            checker(block, found)
        if kind == ("alert" if surface == "message" else "container"):
            found.append(f"{kind} does not belong in a {surface}")
    _unique("block_id", (block.get("block_id") for block in flat), found)
    _unique("action_id", (part.get("action_id") for part in _interactive(flat)), found)
    written = sum(len(block.get("text", "")) for block in flat if block.get("type") == "markdown")
    if written > 12_000:
        found.append(f"{written} characters of markdown, 12000 allowed")
    return found


def rendered_faults(message: Rendered) -> list[str]:
    """Faults of a whole message, its lock-screen line included."""
    found = faults(message.blocks)
    _length("text", message.text, 300, found)
    return found


def view_faults(view: _Block) -> list[str]:
    """Faults of a modal."""
    found = faults(view.get("blocks", []), "modal")
    for key in ("title", "submit", "close"):
        if key in view:
            _text(key, view[key], 24, found, plain=True)
    _length("private_metadata", view.get("private_metadata", "-"), 3000, found)
    asks = any(block.get("type") == "input" for block in view.get("blocks", []))
    if asks and "submit" not in view:
        found.append("a modal with inputs needs submit")
    return found


def _flat(blocks: Iterable[_Block]) -> Iterable[_Block]:
    for block in blocks:
        yield block
        yield from block.get("child_blocks", ())


def _interactive(blocks: Iterable[_Block]) -> Iterable[_Block]:
    for block in blocks:
        for key in ("elements", "accessory", "element"):
            parts = block.get(key) or []
            yield from (
                part for part in (parts if isinstance(parts, list) else [parts]) if "action_id" in part
            )


def _unique(name: str, values: Iterable[Any], found: _Faults) -> None:
    seen: set[Any] = set()
    for value in values:
        if value is not None and value in seen:
            found.append(f"{name} {value} twice")
        seen.add(value)


def _length(name: str, value: Any, most: int, found: _Faults) -> None:
    if not isinstance(value, str) or not value:
        found.append(f"{name} is missing")
    elif len(value) > most:
        found.append(f"{name} has {len(value)} characters, {most} allowed")


def _count(name: str, value: Any, most: int, found: _Faults) -> None:
    if not isinstance(value, list) or not value:
        found.append(f"{name} is empty")
    elif len(value) > most:
        found.append(f"{name} has {len(value)} items, {most} allowed")


def _text(name: str, value: Any, most: int, found: _Faults, *, plain: bool = False) -> None:
    if not isinstance(value, Mapping) or value.get("type") not in ("plain_text", "mrkdwn"):
        found.append(f"{name} is no text object")
        return
    if plain and value["type"] != "plain_text":
        found.append(f"{name} must be plain_text")
    _length(name, value.get("text"), most, found)


def _header(block: _Block, found: _Faults) -> None:
    _text("header", block.get("text"), 150, found, plain=True)


def _section(block: _Block, found: _Faults) -> None:
    if "fields" in block:
        _count("section fields", block["fields"], 10, found)
        for cell in block["fields"]:
            _text("section field", cell, 2000, found)
    else:
        _text("section", block.get("text"), 3000, found)


def _context(block: _Block, found: _Faults) -> None:
    _count("context", block.get("elements"), 10, found)
    for part in block.get("elements", []):
        _text("context", part, 3000, found)


def _actions(block: _Block, found: _Faults) -> None:
    _count("actions", block.get("elements"), 25, found)
    for part in block.get("elements", []):
        if part.get("type") == "button":
            _text("button", part.get("text"), 75, found, plain=True)
            _length("button value", part.get("value"), 2000, found)
            _confirm(part.get("confirm"), found)
        elif part.get("type") == "overflow":
            _count("overflow", part.get("options"), 5, found)
        else:
            found.append(f"{part.get('type')}: unknown element")


def _confirm(confirm: Any, found: _Faults) -> None:
    if confirm is None:
        return
    for key, most in (("title", 100), ("text", 300), ("confirm", 30), ("deny", 30)):
        _text(f"confirm {key}", confirm.get(key), most, found)


def _rich_text(block: _Block, found: _Faults) -> None:
    _count("rich_text", block.get("elements"), 100, found)
    for part in block.get("elements", []):
        for item in part.get("elements", []):
            _length("rich text", item.get("text"), 4000, found)


def _container(block: _Block, found: _Faults) -> None:
    _text("container", block.get("title"), 150, found, plain=True)
    children = block.get("child_blocks")
    _count("container", children, 10, found)
    found.extend(
        f"container may not hold {child.get('type')}"
        for child in children or []
        if child.get("type") not in _CHILDREN
    )


def _plan(block: _Block, found: _Faults) -> None:
    _length("plan", block.get("title"), 256, found)
    _count("plan", block.get("tasks"), 50, found)
    for task in block.get("tasks", []):
        _length("task", task.get("title"), 256, found)
        if task.get("status") not in ("pending", "in_progress", "complete", "error"):
            found.append(f"task status {task.get('status')} is unknown")
    _unique("task_id", (task.get("task_id") for task in block.get("tasks", [])), found)


def _table(block: _Block, found: _Faults) -> None:
    _count("table", block.get("rows"), 100, found)
    widths = {len(row) for row in block.get("rows", [])}
    if len(widths) > 1 or any(width > 4 for width in widths):
        found.append("a table has one width of at most 4 columns, more do not show on a phone")
    for row in block.get("rows", []):
        for cell in row:
            _length("cell", cell.get("text"), 1000, found)


def _markdown(block: _Block, found: _Faults) -> None:
    _length("markdown", block.get("text"), 12_000, found)


def _alert(block: _Block, found: _Faults) -> None:
    _text("alert", block.get("text"), 200, found)


def _input(block: _Block, found: _Faults) -> None:
    _text("label", block.get("label"), 2000, found, plain=True)


def _divider(block: _Block, found: _Faults) -> None:
    return


_CHECKS: Mapping[str, Callable[[_Block, _Faults], None]] = {
    "header": _header,
    "section": _section,
    "context": _context,
    "actions": _actions,
    "divider": _divider,
    "rich_text": _rich_text,
    "container": _container,
    "plan": _plan,
    "table": _table,
    "markdown": _markdown,
    "alert": _alert,
    "input": _input,
}
