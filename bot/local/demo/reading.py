"""Reads Slack messages as a person would: which card, what cause, how sure, what is offered, how it ended."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_INCIDENT = re.compile(r"\bINC-\d+\b")
_CAUSE = re.compile(r"cause found: (\S+)")
_CONFIDENCE = re.compile(r"confidence \((\d\.\d+)\)")
_ALERTS = re.compile(r"\*?([\d,\u00a0\u202f ]*\d) alerts?\*? from")
_NONE_FOUND = "a human must look"
_EXPECTED = "expected load"
_WARNING = "evidence gives orders"


@dataclass(frozen=True, slots=True)
class Card:
    """An incident's card as it reads now. Times are unix seconds by Slack's clock."""

    incident: str
    channel: str
    ts: str
    posted_at: float
    edited_at: float
    alerts: int
    cause: str
    confidence: float
    expected_load: bool
    undecided: bool
    resolved: bool
    warned: bool

    @property
    def answered(self) -> bool:
        """Whether the card says what came of the investigation."""
        return bool(self.cause) or self.expected_load or self.undecided


def bot_messages(state: Mapping[str, Any]) -> Iterable[tuple[str, dict[str, Any]]]:
    """(channel id, message) for everything that the app itself posted."""
    for channel in state["channels"]:
        for message in channel["messages"]:
            if message["bot"] and _INCIDENT.search(message["text"] or ""):
                yield channel["id"], message


def cards(state: Mapping[str, Any]) -> list[Card]:
    """Every card in the workspace, the one with most alerts first."""
    found = [
        _card(channel, message)
        for channel, message in bot_messages(state)
        if "What caused it?" in _words(message)
    ]
    return sorted(found, key=lambda card: -card.alerts)


def standing_twice(state: Mapping[str, Any]) -> list[str]:
    """What stands more than once: posts of one key, cards of one incident, proposals of one incident."""
    found: Counter[str] = Counter()
    for _, message in bot_messages(state):
        payload = (message["metadata"] or {}).get("event_payload", {})
        found[str(payload.get("dedupe", ""))] += 1
        if _kind(message) == "proposal":
            found[f"the proposal of {_INCIDENT.findall(message['text'])[0]}"] += 1
    found.update(f"the card of {card.incident}" for card in cards(state))
    return sorted(what for what, times in found.items() if times > 1)


def proposal(state: Mapping[str, Any], incident: str) -> tuple[str, dict[str, Any]] | None:
    """(channel id, message) of the proposal of an incident."""
    for channel, message in bot_messages(state):
        mentions = _INCIDENT.search(message["text"])
        about = mentions is not None and mentions.group() == incident
        if about and _kind(message) == "proposal":
            return channel, message
    return None


def postmortem(state: Mapping[str, Any], incident: str) -> str:
    """The text of the post-mortem in Slack, or an empty string."""
    for _, message in bot_messages(state):
        if message["text"].startswith(f"{incident}: post-mortem"):
            return "\n".join(block["text"] for block in message["blocks"] if block["type"] == "markdown")
    return ""


def buttons(message: Mapping[str, Any], action: str, letter: str = "") -> list[str]:
    """The action ids of one kind of button, for one option or for all."""
    named = [one.split(":") for one in _action_ids(message["blocks"])]
    return [":".join(parts) for parts in named if parts[0] == action and letter in ("", parts[1])]


def option_words(message: Mapping[str, Any], letter: str) -> str:
    """Everything that a message says of one option; all of it where it has no options, as for an undo."""
    said, about = [], ""
    for block in message["blocks"]:
        words = json.dumps(block, ensure_ascii=False)
        named = re.search(r"Option ([A-Z]{1,2}) · ", words)
        about = named.group(1) if named else about
        if about in ("", letter):
            said.append(words)
    return "\n".join(said)


def option_title(message: Mapping[str, Any], letter: str) -> str:
    """The title of an option as its box says it, or nothing."""
    found = re.search(rf"Option {letter} · ([^\"]+)", _words(message))
    return found.group(1) if found else ""


def filled(form: Mapping[str, Any], *, reason: str) -> dict[str, dict[str, str]]:
    """A review's fields as a person fills them in: the reason, and the first name that the label asks to be typed."""
    values = {}
    for block in form["blocks"]:
        if block["type"] == "input":
            asked = block["label"]["text"].rpartition(": ")[2].partition(", ")[0]
            words = reason if block["block_id"] == "reason" else asked
            values[block["block_id"]] = {block["element"]["action_id"]: words}
    return values


def says(message: Mapping[str, Any], words: str) -> bool:
    """Whether the words stand anywhere in a message."""
    return words in _words(message)


def _card(channel: str, message: Mapping[str, Any]) -> Card:
    text, words = message["text"], _words(message)
    cause = _CAUSE.search(text)
    sure = _CONFIDENCE.search(words)
    counted = _ALERTS.search(words)
    return Card(
        incident=_INCIDENT.search(text).group(),  # type: ignore[union-attr]  # bot_messages matched it
        channel=channel,
        ts=message["ts"],
        posted_at=message["posted_at"],
        edited_at=message["edited_at"] or message["posted_at"],
        alerts=int(re.sub(r"\D", "", counted.group(1))) if counted else 0,
        cause=cause.group(1) if cause else "",
        confidence=float(sure.group(1)) if sure else 0.0,
        expected_load=_EXPECTED in text,
        undecided=_NONE_FOUND in text,
        resolved="Resolved" in words,
        warned=_WARNING in words,
    )


def _kind(message: Mapping[str, Any]) -> str:
    first = message["blocks"][0].get("block_id", "") if message["blocks"] else ""
    return "proposal" if ":proposal" in first else ""


def _words(message: Mapping[str, Any]) -> str:
    return json.dumps(message["blocks"], ensure_ascii=False)


def _action_ids(blocks: Any) -> Iterable[str]:
    if isinstance(blocks, list):
        for block in blocks:
            yield from _action_ids(block)
    elif isinstance(blocks, dict):
        if "action_id" in blocks:
            yield str(blocks["action_id"])
        for value in blocks.values():
            yield from _action_ids(value)
