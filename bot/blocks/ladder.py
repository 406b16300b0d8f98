"""The fallback ladder: younger blocks that a workspace refuses, said with older ones.

plan -> a section of marked lines; container -> headline and children; table -> lines; markdown -> preformatted text.
The chat adapter learns from Slack's refusals which ones a workspace lacks.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bot.blocks.shape import Block, context, divider, mrkdwn, preformatted, section
from bot.blocks.text import clip, safe

_MARKS = {"pending": "○ waiting", "in_progress": "◐ running", "complete": "✓ done", "error": "✗ failed"}
_ANY_LIMIT = 50


def render_for(blocks: Sequence[Mapping[str, Any]], refused: frozenset[str]) -> list[Block]:
    """The same message without the refused block types, at most 50 blocks."""
    lowered: list[Block] = []
    for block in blocks:
        lowered += _lowered(dict(block), refused)
    return lowered[:_ANY_LIMIT]


def droppable(blocks: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """The types in `blocks` that the ladder can do without."""
    return frozenset(str(block.get("type")) for block in blocks) & frozenset(_STEPS)


def _lowered(block: Block, refused: frozenset[str]) -> list[Block]:
    kind = str(block["type"])
    if kind == "container" and kind not in refused:
        children = [child for old in block["child_blocks"] for child in _lowered(old, refused)]
        return [{**block, "child_blocks": children[:10]}]
    if kind not in refused or kind not in _STEPS:
        return [block]
    base = str(block.get("block_id", kind))
    steps = [lower for step in _STEPS[kind](block) for lower in _lowered(step, refused)]
    return [{**step, "block_id": f"{base}:{at}"[:255]} for at, step in enumerate(steps)]


def _plan(block: Block) -> list[Block]:
    lines = [f"{_MARKS[task['status']]} — {safe(task['title'], 120)}" for task in block["tasks"]]
    return [section("\n".join([f"*{safe(block['title'], 200)}*", *lines]))]


def _container(block: Block) -> list[Block]:
    title = f"*{safe(block['title']['text'], 150)}*"
    subtitle = block.get("subtitle")
    head = {"type": "section", "text": mrkdwn(title), "expand": True}
    grey = [context(safe(subtitle["text"], 150))] if subtitle else []
    return [divider(), head, *grey, *block["child_blocks"]]


def _table(block: Block) -> list[Block]:
    heading, *rows = block["rows"]
    lines = [" · ".join(safe(cell["text"], 60) for cell in heading)]
    lines += ["• " + " · ".join(safe(cell["text"], 160) for cell in row) for row in rows]
    return [section("\n".join(lines))]


def _markdown(block: Block) -> list[Block]:
    return [preformatted(piece) for piece in _pieces(block["text"], 3800)]


def _pieces(text: str, size: int) -> list[str]:
    pieces: list[str] = [""]
    for row in text.splitlines():
        if len(pieces[-1]) + len(row) + 1 > size:
            pieces.append("")
        pieces[-1] += clip(row, size - 1) + "\n"
    return [piece for piece in pieces if piece.strip()]


_STEPS: Mapping[str, Callable[[Block], list[Block]]] = {
    "plan": _plan,
    "container": _container,
    "table": _table,
    "markdown": _markdown,
}
