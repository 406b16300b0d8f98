"""The post-mortem draft in the thread: the stored Markdown in one markdown block, every address and mention inert."""

import re

from bot.blocks.shape import Block, Place, Rendered, context, rendered
from bot.blocks.text import clip, inert, plain
from bot.domain.incident import Incident

_MOST = 11_500
_LINK = re.compile(r"\]\(")
_ANGLE = str.maketrans({"<": "&lt;", ">": "&gt;"})
_QUOTE = re.compile(r"(?m)^&gt; ")


def render(incident: Incident, place: Place, markdown: str = "") -> Rendered:
    """The draft, cut at Slack's limit; the whole text stays in the store."""
    whole = inert_markdown(markdown)
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


def inert_markdown(markdown: str) -> str:
    """Markdown in which no foreign words can link, mention or load a picture."""
    text = _LINK.sub("]\\(", inert(plain(markdown, 200_000))).translate(_ANGLE)
    return _QUOTE.sub("> ", text)
