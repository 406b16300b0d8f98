"""Scopes of the stop and freeze switches, in a person's words."""

_WORDS = {"tenant": "everything", "incident": "this incident"}


def scope_words(scope: str) -> str:
    """`tenant`, `incident:ID`, `service:NAME` or `action:ID` as it is said in a sentence."""
    kind, _, name = scope.partition(":")
    return _WORDS.get(kind) or f"{kind} {name}"
