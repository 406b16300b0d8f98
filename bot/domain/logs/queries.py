"""The shape of an SQL statement in a log line: its words without values, so that equal queries look equal."""

import re

MOST_CHARS = 2_000
_STATEMENT = re.compile(
    r"\b(?:select\b.{1,1500}?\bfrom\b|insert\s+into\b|update\b.{1,200}?\bset\b|delete\s+from\b|with\s+\w+\s+as\b).*",
    re.IGNORECASE | re.DOTALL,
)
_VALUES = (
    (re.compile(r"/\*.*?\*/|--[^\n]*", re.DOTALL), " "),
    (re.compile(r"'(?:[^'\\]|\\.|'')*'"), "?"),
    (
        re.compile(r"\$\d+|:\w+|%s|\b0x[0-9a-f]+\b|(?<![\w.])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?\b", re.IGNORECASE),
        "?",
    ),
    (re.compile(r"\b(?:true|false|null)\b", re.IGNORECASE), "?"),
    (re.compile(r"\(\s*\?(?:\s*,\s*\?)*\s*\)"), "(?)"),
    (re.compile(r"\(\?\)(?:\s*,\s*\(\?\))+"), "(?)"),
    (re.compile(r"\s+"), " "),
)


def query_shape(text: str) -> str:
    """The shape of the statement that `text` holds, or nothing where it holds none."""
    found = _STATEMENT.search(text[:MOST_CHARS])
    if found is None:
        return ""
    shape = found.group()
    for pattern, word in _VALUES:
        shape = pattern.sub(word, shape)
    return shape.strip(" ;\"'").lower()
