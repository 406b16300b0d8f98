"""The `markdown` block's standard Markdown (headings, lists, quotes, code, tables, links) as safe HTML."""

import re

from markupsafe import Markup, escape

from bot.local.slackdouble.look.emoji import emoji
from bot.local.slackdouble.look.mrkdwn import link

_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"!?\[([^\]\n]*)\]\(([^()\s]+)\)")
_ITEM = re.compile(r"^(\s*)([-*+]|\d{1,3}[.)])\s+(.*)$")
_RULE = re.compile(r"^\s*([-*_])(\s*\1){2,}\s*$")
_DIVIDER = re.compile(r"^\s*\|?\s*:?-{2,}:?\s*(\|\s*:?-{2,}:?\s*)*\|?\s*$")


def inline(text: str) -> Markup:
    """One line's bold, italics, strike, code and links."""
    pieces: list[Markup] = []

    def keep(piece: Markup) -> str:
        pieces.append(piece)
        return f"\ue000{len(pieces) - 1}\ue001"

    text = text.replace("\ue000", "").replace("\ue001", "")
    text = _CODE.sub(lambda m: keep(Markup("<code>{}</code>").format(m[1])), text)
    text = _LINK.sub(lambda m: keep(link(m[2], m[1] or m[2])), text)
    safe = str(escape(emoji(text)))
    safe = re.sub(r"\*\*(?=\S)(.+?)\*\*", r"<b>\1</b>", safe)
    safe = re.sub(r"__(?=\S)(.+?)__", r"<b>\1</b>", safe)
    safe = re.sub(r"~~(?=\S)(.+?)~~", r"<s>\1</s>", safe)
    safe = re.sub(r"(?<![\w*])\*(?=\S)([^*]+)\*(?!\w)", r"<i>\1</i>", safe)
    safe = re.sub(r"(?<![\w_])_(?=\S)([^_]+)_(?!\w)", r"<i>\1</i>", safe)
    for _ in range(2):
        safe = re.sub("\ue000(\\d+)\ue001", lambda m: str(pieces[int(m[1])]), safe)
    return Markup(safe)  # noqa: S704 - every piece was escaped above


def markdown(text: str) -> Markup:
    """The HTML of a whole Markdown text."""
    lines = text.replace("\r\n", "\n").split("\n")
    out: list[Markup] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        if line.lstrip().startswith("```"):
            at, piece = _fence(lines, at)
        elif "|" in line and at + 1 < len(lines) and _DIVIDER.match(lines[at + 1]):
            at, piece = _table(lines, at)
        elif _ITEM.match(line) and not _RULE.match(line):
            at, piece = _items(lines, at)
        elif line.startswith(">"):
            at, piece = _quote(lines, at)
        else:
            at, piece = _simple(lines, at)
        out.append(piece)
    return Markup("").join(out)


def _fence(lines: list[str], at: int) -> tuple[int, Markup]:
    end = at + 1
    while end < len(lines) and not lines[end].lstrip().startswith("```"):
        end += 1
    return end + 1, Markup("<pre>{}</pre>").format("\n".join(lines[at + 1 : end]))


def _cells(line: str) -> list[str]:
    return [c.strip() for c in re.split(r"(?<!\\)\|", line.strip().removeprefix("|").removesuffix("|"))]


def _table(lines: list[str], at: int) -> tuple[int, Markup]:
    head = Markup("").join(Markup("<th>{}</th>").format(inline(c)) for c in _cells(lines[at]))
    rows = []
    at += 2
    while at < len(lines) and "|" in lines[at]:
        cells = Markup("").join(Markup("<td>{}</td>").format(inline(c)) for c in _cells(lines[at]))
        rows.append(Markup("<tr>{}</tr>").format(cells))
        at += 1
    shape = Markup('<div class="tablebox"><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>')
    return at, shape.format(head, Markup("").join(rows))


def _items(lines: list[str], at: int) -> tuple[int, Markup]:
    first = _ITEM.match(lines[at])
    ordered = first is not None and first[2][0].isdigit()
    rows = []
    while at < len(lines) and (found := _ITEM.match(lines[at])):
        depth = min(len(found[1].expandtabs(4)) // 2, 3)
        body = re.sub(r"^\[([ xX])\]\s", lambda m: "☐ " if m[1] == " " else "☑ ", found[3])
        rows.append(Markup('<li class="in{}">{}</li>').format(depth, inline(body)))
        at += 1
    tag = "ol" if ordered else "ul"
    return at, Markup("<{0}>{1}</{0}>").format(tag, Markup("").join(rows))


def _quote(lines: list[str], at: int) -> tuple[int, Markup]:
    rows = []
    while at < len(lines) and lines[at].startswith(">"):
        rows.append(inline(lines[at].removeprefix(">").strip()))
        at += 1
    return at, Markup("<blockquote>{}</blockquote>").format(Markup("<br>").join(rows))


def _simple(lines: list[str], at: int) -> tuple[int, Markup]:
    line = lines[at]
    heading = re.match(r"^(#{1,6})\s+(.*)$", line)
    if heading:
        level = min(len(heading[1]), 3)
        return at + 1, Markup("<h{0}>{1}</h{0}>").format(level + 1, inline(heading[2]))
    if _RULE.match(line):
        return at + 1, Markup("<hr>")
    if not line.strip():
        return at + 1, Markup("")
    return at + 1, Markup("<p>{}</p>").format(inline(line))
