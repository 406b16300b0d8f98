"""The post-mortem draft in the thread: the stored Markdown in one markdown block, every address and mention inert."""

import re

from bot.blocks.shape import Block, Place, Rendered, context, rendered
from bot.blocks.text import clip, inert, plain
from bot.domain.incident import Incident

_MOST = 11_500
_LINK = re.compile(r"\]\(")
_ANGLE = str.maketrans({"<": "&lt;", ">": "&gt;"})
_MENTION = re.compile(r"&lt;@([UW][A-Z0-9]{2,20})&gt;")
_QUOTE = re.compile(r"(?m)^&gt; ")


def render(incident: Incident, place: Place, markdown: str = "") -> Rendered:
    """The draft, cut at Slack's limit; the whole text stays in the store."""
    whole = inert_markdown(markdown, actors=actors_of(incident))
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
    return frozenset(acted | {option.approved_by for option in incident.options})


def inert_markdown(markdown: str, *, actors: frozenset[str] = frozenset()) -> str:
    """Markdown in which no foreign words can link, mention or load a picture; only `actors` stay mentions."""
    text = _LINK.sub("]\\(", inert(plain(markdown, 200_000))).translate(_ANGLE)
    return _MENTION.sub(lambda found: _live(found.group(1), actors), _QUOTE.sub("> ", text))


def _live(user: str, actors: frozenset[str]) -> str:
    return f"<@{user}>" if user in actors else f"‹{user}›"
