"""The command grammar: one parser for /incident, for mentions in threads and for the command line.

No verb here approves anything: `approve` only asks for the place where a human can.
"""

import difflib
import re
from dataclasses import dataclass
from enum import StrEnum


class CommandVerb(StrEnum):
    """What can be asked for in words."""

    NEW = "new"
    STATUS = "status"
    DIAGNOSE = "diagnose"
    WHY = "why"
    TIMELINE = "timeline"
    OPTIONS = "options"
    APPROVE = "approve"
    REJECT = "reject"
    STOP = "stop"
    RESOLVE = "resolve"
    MERGE = "merge"
    SPLIT = "split"
    EVENT = "event"
    POSTMORTEM = "postmortem"
    NOTE = "note"
    FREEZE = "freeze"
    UNFREEZE = "unfreeze"
    TIER = "tier"
    ORDERS = "orders"
    TEST = "test"
    HELP = "help"


HELP_LINES: tuple[tuple[str, str], ...] = (
    ("new [title]", "open an incident"),
    ("status", "where the incident stands"),
    ("diagnose", "investigate again with newer readings"),
    ("why", "the cause and its evidence"),
    ("timeline", "what happened, from the log"),
    ("options", "what can be done, with its state"),
    ("approve [A]", "open the review; only its button approves"),
    ("reject [A] [why]", "turn an option down for good"),
    ("stop", "stop every run of the incident before its next step"),
    ("merge 12 [why]", "INC-12 is part of this incident; remembered"),
    ("split services", "these services are another fault; remembered"),
    ("resolve", "close the incident and draft the post-mortem"),
    ('event add "Title" 09:00-23:00 [services]', "enter a planned event (UTC, or two ISO times)"),
    ('event maintenance|lower "Title" ...', "the same; alerts inside are only counted, or raise no alarm"),
    ("postmortem", "show the draft"),
    ("note text", "add to the timeline"),
    ("tier observe|supervised|auto [service NAME]", "lower what runs by itself, or draft a standing order"),
    ("orders [revoke SO-1]", "standing orders: list them, end one"),
    ("freeze [service NAME] [2h] [why]", "forbid changes, until lifted or for a time"),
    ("test [end]", "send a test alert the whole way, or end it"),
    ("unfreeze", "open the form that allows changes again; approver group only"),
)
_ALIASES = {
    "declare": CommandVerb.NEW,
    "open": CommandVerb.NEW,
    "investigate": CommandVerb.DIAGNOSE,
    "evidence": CommandVerb.WHY,
    "cause": CommandVerb.WHY,
    "close": CommandVerb.RESOLVE,
    "post-mortem": CommandVerb.POSTMORTEM,
    "halt": CommandVerb.STOP,
    "?": CommandVerb.HELP,
}
_INCIDENT = re.compile(r"(?i)#?inc-?(\d{1,9})")
_MENTION = re.compile(r"<@[UW][A-Z0-9]+(\|[^>]*)?>")
_LONGEST = 3000


@dataclass(frozen=True, slots=True)
class Command:
    """A verb, the incident number that was named (0 for none), and the remaining words as typed."""

    verb: CommandVerb
    number: int = 0
    rest: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Words that are no command; `nearest` is the verb that was probably meant, or None."""

    word: str
    nearest: CommandVerb | None


def parse(text: str) -> Command | Unknown:
    """Read what a person typed after /incident or after the bot's name; no words at all ask for the status."""
    words = _MENTION.sub(" ", text[:_LONGEST]).split(maxsplit=1)
    if not words:
        return Command(CommandVerb.STATUS)
    verb = _verb(words[0])
    if verb is None:
        return Unknown(words[0][:40], _nearest(words[0]))
    rest = words[1].strip() if len(words) > 1 else ""
    number, rest = _numbered(rest)
    return Command(verb, number, rest)


def _verb(word: str) -> CommandVerb | None:
    lowered = word.lower().strip(":,.!")
    if lowered in _ALIASES:
        return _ALIASES[lowered]
    return next((verb for verb in CommandVerb if verb.value == lowered), None)


def _nearest(word: str) -> CommandVerb | None:
    known = [*(verb.value for verb in CommandVerb), *_ALIASES]
    found = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    return _verb(found[0]) if found else None


def _numbered(rest: str) -> tuple[int, str]:
    first, _, others = rest.partition(" ")
    found = _INCIDENT.fullmatch(first)
    return (int(found.group(1)), others.strip()) if found else (0, rest)
