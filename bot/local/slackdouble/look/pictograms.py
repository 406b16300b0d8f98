"""Emoji as our own little drawings, so that severity marks show on machines without an emoji font."""

import re
from pathlib import Path

_SPRITE = Path(__file__).parent.parent / "static" / "emoji.svg"
_SAME = {
    "1f510": "1f512",
    "1f50e": "1f50d",
    "1f6e0": "1f527",
    "1f5d2": "1f4dd",
    "231b": "23f3",
    "2716": "274c",
}
_DRAWN = set(re.findall(r'<symbol id="([0-9a-f]+)"', _SPRITE.read_text()))
_KEYS = {**{key: key for key in _DRAWN}, **_SAME}
_CHARACTER = re.compile("([" + "".join(chr(int(key, 16)) for key in sorted(_KEYS)) + "])\ufe0f?")
# Attributes, and elements that may hold nothing but text, stay as they are.
_TEXT_ONLY = "option|textarea|title|text"
_SKIPPED = re.compile(rf"(<(?:{_TEXT_ONLY})\b.*?</(?:{_TEXT_ONLY})>|<[^>]*>)", re.DOTALL)


def _picture(found: "re.Match[str]") -> str:
    key = _KEYS[f"{ord(found[1]):x}"]
    return f'<svg class="emo" role="img" aria-label="{found[1]}"><use href="/static/emoji.svg#{key}"></use></svg>'


def pictograms(html: str) -> str:
    """The same HTML with the known emoji of its texts drawn."""
    parts = _SKIPPED.split(html)
    return "".join(part if at % 2 else _CHARACTER.sub(_picture, part) for at, part in enumerate(parts))
