"""Block Kit as plain dicts: one small constructor per shape that we use, so that limits and safety sit in one place.

Dicts because the SDK's classes lag behind Slack's blocks and drop what they do not know.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bot.blocks.text import clip_mrkdwn, line, plain

Block = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rendered:
    """One message: `text` is what a phone's lock screen shows, `blocks` are what is seen in Slack."""

    text: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where an incident lives in Slack, as far as its messages speak about it; empty strings are not known yet."""

    channel: str = ""
    own_channel: bool = False
    group: str = ""


def mrkdwn(text: str, limit: int = 3000) -> Block:
    """A mrkdwn text; `verbatim` keeps Slack from turning bare words into links, channels and people."""
    return {"type": "mrkdwn", "text": clip_mrkdwn(text, limit) or "—", "verbatim": True}


def plain_text(text: str, limit: int) -> Block:
    """A plain text, never parsed."""
    return {"type": "plain_text", "text": line(text, limit) or "—", "emoji": True}


def header(text: str) -> Block:
    """A headline."""
    return {"type": "header", "text": plain_text(text, 150)}


def section(text: str) -> Block:
    """A paragraph, shown whole."""
    return {"type": "section", "text": mrkdwn(text), "expand": True}


def fields(pairs: Iterable[tuple[str, str]]) -> Block:
    """Up to ten short titled texts in two columns; values must be safe already."""
    cells = [mrkdwn(f"*{title}*\n{value}", 2000) for title, value in pairs]
    return {"type": "section", "fields": cells[:10]}


def context(*texts: str) -> Block:
    """A small grey line."""
    return {"type": "context", "elements": [mrkdwn(text) for text in texts[:10]]}


def divider() -> Block:
    """A thin rule."""
    return {"type": "divider"}


def preformatted(text: str) -> Block:
    """Text exactly as it is, in a box; Slack parses nothing in it."""
    content = plain(text, 3900) or " "
    part = {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": content}]}
    return {"type": "rich_text", "elements": [part]}


def rich_line(text: str, limit: int = 600) -> Block:
    """A rich_text object with one unparsed line, for task details."""
    content = {"type": "text", "text": line(text, limit) or "—"}
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [content]}]}


def container(title: str, children: Sequence[Block], *, subtitle: str = "", collapsed: bool = False) -> Block:
    """Children under a title; `collapsed` ones open on a click."""
    block: Block = {
        "type": "container",
        "title": plain_text(title, 150),
        "child_blocks": list(children[:10]),
        "is_collapsible": True,
        "default_collapsed": collapsed,
    }
    if subtitle:
        block["subtitle"] = plain_text(subtitle, 150)
    return block


def task(task_id: str, title: str, status: str, *, details: str = "") -> Block:
    """One task of a plan; `status` is pending, in_progress, complete or error."""
    block: Block = {
        "type": "task_card",
        "task_id": task_id,
        "title": line(title, 250) or "—",
        "status": status,
    }
    if details:
        block["details"] = rich_line(details)
    return block


def plan(title: str, tasks: Sequence[Block]) -> Block:
    """A list of tasks with marks."""
    return {"type": "plan", "title": line(title, 250) or "—", "tasks": list(tasks[:50])}


def table(rows: Sequence[Sequence[str]]) -> Block:
    """A table whose cells Slack does not parse; the first row is the heading."""
    cells = [[{"type": "raw_text", "text": plain(cell, 900) or "—"} for cell in row] for row in rows[:100]]
    return {"type": "table", "rows": cells, "column_settings": [{"is_wrapped": True} for _ in cells[0]]}


def actions(*elements: Block) -> Block:
    """A row of buttons."""
    return {"type": "actions", "elements": list(elements[:25])}


def button(
    text: str,
    action_id: str,
    value: str,
    *,
    style: str = "",
    confirm: Block | None = None,
    label: str = "",
) -> Block:
    """A button; `value` is opaque, `label` is what a screen reader says."""
    block: Block = {
        "type": "button",
        "text": plain_text(text, 75),
        "action_id": action_id,
        "value": value,
        "accessibility_label": line(label or text, 75),
    }
    if style:
        block["style"] = style
    if confirm is not None:
        block["confirm"] = confirm
    return block


def confirmation(title: str, text: str, yes: str, no: str, *, danger: bool = False) -> Block:
    """The question that Slack asks after a click."""
    return {
        "title": plain_text(title, 100),
        "text": plain_text(text, 300),
        "confirm": plain_text(yes, 30),
        "deny": plain_text(no, 30),
        "style": "danger" if danger else "primary",
    }


def named(blocks: Iterable[Block], prefix: str, revision: int) -> tuple[Block, ...]:
    """Give each block an id that is new with each revision, as Slack asks of edited messages."""
    return tuple({**block, "block_id": f"{prefix}:{revision}:{at}"[:255]} for at, block in enumerate(blocks))


def rendered(text: str, blocks: Iterable[Block], *, prefix: str, revision: int) -> Rendered:
    """A message ready to send: ids in place, the lock-screen line short."""
    return Rendered(clip_mrkdwn(text, 300), named(blocks, prefix, revision))


def with_blocks(message: Rendered, blocks: Iterable[Mapping[str, Any]]) -> Rendered:
    """The same message with other blocks."""
    return replace(message, blocks=tuple(dict(block) for block in blocks))
