"""Scopes of the stop and freeze switches, in a person's words."""

_WORDS = {"tenant": "everything", "incident": "this incident"}


_MARKUP = str.maketrans("<>&", "‹›+")


def inert(text: str) -> str:
    """Somebody's words inside a sentence of ours, with nothing in them that Slack reads as a mention or a link."""
    return text.translate(_MARKUP)


def scope_words(scope: str) -> str:
    """`tenant`, `incident:ID`, `service:NAME` or `action:ID` as it is said in a sentence."""
    kind, _, name = scope.partition(":")
    return _WORDS.get(kind) or f"{kind} {name}"
