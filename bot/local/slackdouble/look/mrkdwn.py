"""Slack's mrkdwn as safe HTML: only &lt; &gt; &amp; are decoded, everything is escaped, links are http(s) or mailto."""

import re
from collections.abc import Callable
from datetime import UTC, datetime

from markupsafe import Markup, escape

from bot.local.slackdouble.look.emoji import emoji
from bot.local.slackdouble.model import Workspace

_CONTROL = re.compile(r"<([^<>\n]{1,3000})>")
_FENCE = re.compile(r"```\n?(.*?)```", re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_SPANS = (("*", "b"), ("_", "i"), ("~", "s"))
_DATE = re.compile(r"\{([a-z_]+)\}")
_FORMATS = {
    "date_num": "%Y-%m-%d",
    "date": "%d %B %Y",
    "date_short": "%d %b %Y",
    "date_long": "%A %d %B %Y",
    "date_pretty": "%d %B",
    "date_short_pretty": "%d %b",
    "date_long_pretty": "%A %d %B",
    "time": "%H:%M",
    "time_secs": "%H:%M:%S",
}


def decoded(text: str) -> str:
    """Slack's three escapes as the characters they stand for."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def plain(text: str) -> Markup:
    """A plain_text object's text."""
    return escape(emoji(decoded(text)))


class _Vault:
    """Finished HTML pieces, kept out of the way of later formatting behind characters that text cannot hold."""

    def __init__(self) -> None:
        self.pieces: list[Markup] = []

    def keep(self, piece: Markup) -> str:
        self.pieces.append(piece)
        return f"\ue000{len(self.pieces) - 1}\ue001"

    def release(self, text: str) -> str:
        for _ in range(4):
            text = re.sub("\ue000(\\d+)\ue001", lambda found: str(self.pieces[int(found[1])]), text)
        return text


def mrkdwn(workspace: Workspace, text: str) -> Markup:
    """The HTML of one mrkdwn text."""
    vault = _Vault()
    text = text.replace("\ue000", "").replace("\ue001", "")
    text = _FENCE.sub(lambda m: vault.keep(Markup("<pre>{}</pre>").format(_flat(m[1]))), text)
    text = _CODE.sub(lambda m: vault.keep(Markup("<code>{}</code>").format(_flat(m[1]))), text)
    text = _CONTROL.sub(lambda m: vault.keep(control(workspace, m[1])), text)
    safe = str(escape(emoji(decoded(text))))
    for mark, tag in _SPANS:
        pattern = rf"(?<![\w{re.escape(mark)}]){re.escape(mark)}(?=\S)([^\n]*?\S){re.escape(mark)}(?!\w)"
        safe = re.sub(pattern, rf"<{tag}>\1</{tag}>", safe)
    return Markup(vault.release(_lines(safe)))  # noqa: S704 - every piece was escaped above


def _flat(text: str) -> str:
    return _CONTROL.sub(lambda m: m[1].rpartition("|")[2] or m[1], decoded(text))


def _lines(safe: str) -> str:
    out: list[str] = []
    quote: list[str] = []
    for line in [*safe.split("\n"), None]:
        if line is not None and line.startswith("&gt;"):
            quote.append(line.removeprefix("&gt;").strip())
            continue
        if quote:
            out.append(f"<blockquote>{'<br>'.join(quote)}</blockquote>")
            quote = []
        if line is not None:
            out.append(line)
    return re.sub(r"</blockquote><br>", "</blockquote>", "<br>".join(out))


def control(workspace: Workspace, body: str) -> Markup:
    """What stands between < and >: a mention, a date, a link; anything else is shown as typed."""
    target, _, label = body.partition("|")
    known: dict[str, Callable[[str, str], Markup]] = {
        "@": lambda key, _: _mention("@", getattr(workspace.users.get(key), "name", key)),
        "#": lambda key, label: _channel(workspace, key, label),
        "!": lambda key, label: _special(workspace, key, label),
    }
    if target[:1] in known:
        return known[target[0]](target[1:], label)
    if re.match(r"(https?://|mailto:)[^\s]+$", decoded(target)):
        return link(decoded(target), emoji(decoded(label)) or decoded(target))
    return escape(f"<{decoded(body)}>")


def link(address: str, label: str) -> Markup:
    """A link that opens elsewhere; anything but http(s) and mailto is shown as text."""
    if not re.match(r"(https?://|mailto:)", address):
        return escape(label)
    return Markup('<a href="{}" target="_blank" rel="noopener noreferrer">{}</a>').format(address, label)


def _mention(sign: str, name: str) -> Markup:
    return Markup('<span class="mention">{}{}</span>').format(sign, name)


def _channel(workspace: Workspace, key: str, label: str) -> Markup:
    """A channel that exists is a link to it."""
    known = workspace.channels.get(key)
    if known is None:
        return _mention("#", label or key)
    shape = Markup('<a class="mention" href="?channel={0}" data-channel-link="{0}">#{1}</a>')
    return shape.format(known.id, known.name)


def _special(workspace: Workspace, key: str, label: str) -> Markup:
    if key.startswith("subteam^"):
        group = workspace.groups.get(key.removeprefix("subteam^"))
        return _mention("@", group.handle if group else label or key)
    if key.startswith("date^"):
        return when(key, label)
    return _mention("@", key.partition("^")[0])


def when(key: str, fallback: str) -> Markup:
    """A <!date^...> in UTC, with the browser's own zone as a hint for the script."""
    parts = key.split("^")
    try:
        at = datetime.fromtimestamp(int(parts[1]), UTC)
        shape = parts[2]
    except (IndexError, ValueError, OverflowError, OSError):
        return escape(fallback or key)
    shown = _DATE.sub(lambda m: at.strftime(_FORMATS[m[1]]) if m[1] in _FORMATS else m[0], shape)
    return Markup('<time data-at="{}" data-shape="{}" title="{} UTC">{}</time>').format(
        int(at.timestamp()), shape, at.strftime("%Y-%m-%d %H:%M:%S"), shown
    )
