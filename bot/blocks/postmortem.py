"""The post-mortem draft in the thread: the stored Markdown in one markdown block, every address and mention inert.

Slack's markdown block knows no mentions, so people are named there.
"""

import re
from collections.abc import Mapping

from bot.blocks.shape import Block, Place, Rendered, context, rendered
from bot.blocks.text import clip, inert, line, plain
from bot.domain.incident import Incident

_MOST = 11_500
_LINK = re.compile(r"\]\(")
_ANGLE = str.maketrans({"<": "&lt;", ">": "&gt;"})
_MENTION = re.compile(r"&lt;@([UW][A-Z0-9]{2,20})&gt;")
_NAME = re.compile(r"[^\w .\-]|_")
_QUOTE = re.compile(r"(?m)^&gt; ")


def render(
    incident: Incident, place: Place, markdown: str = "", names: Mapping[str, str] | None = None
) -> Rendered:
    """The draft, cut at Slack's limit; the whole text stays in the store. `names` are people by their user id."""
    whole = inert_markdown(markdown, names=names)
    shown = clip(whole, _MOST) or f"# {incident.key}\n\nThe draft is being written."
    cut = " · shortened, `watchkeeper report` has the whole text" if len(whole) > _MOST else ""
    blocks: list[Block] = [
        {"type": "markdown", "text": shown},
        context(
            f"📝 Draft written from the log · every sentence names its events · log {incident.seq}·{incident.head[:8]}{cut}"
        ),
    ]
    text = f"{incident.key}: post-mortem draft"
    return rendered(text, blocks, prefix=f"{incident.id}:postmortem", revision=incident.seq)


def actors_of(incident: Incident) -> frozenset[str]:
    """The user ids that the log's own fields name: who approved, noted, stopped or resolved."""
    acted = {entry.by for entry in (*incident.timeline, *incident.notes)}
    return frozenset(acted | {option.approved_by for option in incident.options}) - {""}


def inert_markdown(markdown: str, *, names: Mapping[str, str] | None = None) -> str:
    """Markdown in which no foreign words can link, mention or load a picture; mentions become names, or ids."""
    text = _LINK.sub("]\\(", inert(plain(markdown, 200_000))).translate(_ANGLE)
    return _MENTION.sub(lambda found: _person(found.group(1), names or {}), _QUOTE.sub("> ", text))


def _person(user: str, names: Mapping[str, str]) -> str:
    # A name is its owner's to choose, so only what cannot be Markdown is kept of it.
    name = _NAME.sub("", inert(line(names.get(user, ""), 60))).strip()
    return name or f"‹{user}›"
