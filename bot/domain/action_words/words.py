"""The shape of an action's words."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """Plain sentences. `refuses` says when the action's own precondition refuses; empty where it has none.

    `takes` says of what the share cap counts the part that the action takes away; empty where it takes none.
    """

    does: str
    dry_run: str
    read_back: str
    risks: tuple[str, ...]
    refuses: tuple[str, ...] = ()
    takes: str = ""
