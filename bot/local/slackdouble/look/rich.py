"""rich_text objects as safe HTML."""

from collections.abc import Callable

from markupsafe import Markup

from bot.local.slackdouble.look.emoji import NAMES
from bot.local.slackdouble.look.mrkdwn import control, link, when
from bot.local.slackdouble.model import Json, Workspace

_STYLES = (("bold", "b"), ("italic", "i"), ("strike", "s"), ("code", "code"))
_BOXES = {"rich_text_preformatted": "pre", "rich_text_quote": "blockquote", "rich_text_section": "p"}


def rich_text(workspace: Workspace, value: Json) -> Markup:
    """All elements one after the other."""
    return Markup("").join(_element(workspace, part) for part in value.get("elements", []))


def _element(workspace: Workspace, part: Json) -> Markup:
    kind = part.get("type")
    if kind == "rich_text_list":
        rows = Markup("").join(
            Markup('<li class="in{}">{}</li>').format(
                int(part.get("indent", 0)), rich_text(workspace, {"elements": [e]})
            )
            for e in part.get("elements", [])
        )
        shape = Markup("<ol>{}</ol>") if part.get("style") == "ordered" else Markup("<ul>{}</ul>")
        return shape.format(rows)
    inside = Markup("").join(_inline(workspace, p) for p in part.get("elements", []))
    if kind == "rich_text_preformatted":
        return Markup("<pre>{}</pre>").format(inside)
    if kind == "rich_text_quote":
        return Markup("<blockquote>{}</blockquote>").format(inside)
    return Markup('<p class="rich">{}</p>').format(inside)


def _inline(workspace: Workspace, part: Json) -> Markup:
    known: dict[str, Callable[[], Markup]] = {
        "text": lambda: Markup("{}").format(part.get("text", "")),
        "link": lambda: link(str(part.get("url")), str(part.get("text") or part.get("url"))),
        "emoji": lambda: Markup("{}").format(NAMES.get(str(part.get("name")), f":{part.get('name')}:")),
        "user": lambda: control(workspace, f"@{part.get('user_id')}"),
        "channel": lambda: control(workspace, f"#{part.get('channel_id')}"),
        "usergroup": lambda: control(workspace, f"!subteam^{part.get('usergroup_id')}"),
        "broadcast": lambda: control(workspace, f"!{part.get('range')}"),
        "date": lambda: when(
            f"date^{part.get('timestamp')}^{part.get('format')}", str(part.get("fallback", ""))
        ),
    }
    out = known.get(str(part.get("type")), lambda: Markup(""))()
    style = part.get("style") or {}
    for key, tag in _STYLES:
        if style.get(key):
            out = Markup("<{0}>{1}</{0}>").format(tag, out)
    return out
