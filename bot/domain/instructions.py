"""Instructions inside evidence: log lines and labels that tell the reader to act, found so that people are warned.

A fixed set of patterns, no model. Nothing follows from a finding but the warning: no text from evidence ever becomes
a parameter, whether it is found here or not. Not a filter: what is missed here is as powerless as what is found.
"""

import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import lru_cache

from bot.domain.alert import Alert
from bot.domain.telemetry import LogLine

MOST_CHARS = 2000  # Longer texts are read up to here.
MOST_FINDINGS = 3
_VERBS = (
    r"restart|reboot|delete|drop|scale|roll\s?back|open|disable|shut\s?down|kill|terminate|run|execute|apply|"
    r"deploy|grant|approve|allow|expose|escalate|curl|kubectl"
)
_PATTERNS = (
    ("claims an approval", re.compile(r"\b(?:pre-?)?(?:approved|authori[sz]ed|signed off|cleared) (?:by|for)\b", re.IGNORECASE)),
    ("addresses the reader", re.compile(
        r"\b(?:ignore|disregard|forget)\b.{0,40}\b(?:previous|above|prior|all|earlier|your)\b"
        r"|\b(?:system prompt|new instructions?|as an? (?:ai|assistant)|you are (?:now|an?))\b"
        r"|\b(?:assistant|ai|bot|watchkeeper|incident bot|sre agent)\b\s*[:,]\s*\w+", re.IGNORECASE)),
    ("demands an action", re.compile(
        rf"\b(?:please|must|need to|required to|immediately|action required|do|now)\b.{{0,24}}\b(?:{_VERBS})\b"
        rf"|\b(?:{_VERBS})\b.{{0,60}}\b(?:immediately|right now|at once|without (?:approval|asking|review)|asap)\b",
        re.IGNORECASE)),
    ("demands an open port", re.compile(
        r"\b(?:open|allow|expose)\b.{0,30}\b(?:port|ingress|egress|0\.0\.0\.0/0|::/0|security group)\b", re.IGNORECASE)),
)  # fmt: skip
_STRONG = (
    2  # Patterns that must agree for a single log line: ordinary software also writes `restart required now`.
)
# Two patterns agree only where one of these stands, or one of the names before a colon or a comma; in lower case.
_STEMS = (
    "approved", "authori", "signed off", "cleared",
    "ignore", "disregard", "forget", "prompt", "instruction", "as a", "you are",
    "open", "allow", "expose",
)  # fmt: skip
_SPOKEN_TO = ("assistant", "ai", "bot", "watchkeeper", "agent")


@dataclass(frozen=True, slots=True)
class Finding:
    """A text that tells its reader what to do: where it stood, what it does, and the text itself (never trusted)."""

    service: str
    where: str
    at: float
    does: tuple[str, ...]
    text: str


def traits(text: str) -> tuple[str, ...]:
    """What the text does to its reader, in the order of the table; empty for ordinary text."""
    read = text[:MOST_CHARS]
    return _short_traits(read) if len(read) <= _SHORT else _traits(read)


def _traits(read: str) -> tuple[str, ...]:
    return tuple(name for name, pattern in _PATTERNS if pattern.search(read))


# Most labels come again with every alert of a storm.
_SHORT = 120
_short_traits = lru_cache(maxsize=8192)(_traits)


def findings(logs: Iterable[LogLine], alerts: Iterable[Alert]) -> tuple[Finding, ...]:
    """At most MOST_FINDINGS, one for each place, the earliest first; independent of the order of the input."""
    found: dict[tuple[str, str], Finding] = {}
    for candidate in sorted(
        (*_of_logs(logs), *_of_alerts(alerts)), key=lambda one: (one.at, one.where, one.text)
    ):
        found.setdefault((candidate.service, candidate.where), candidate)
    return tuple(found.values())[:MOST_FINDINGS]


def _of_logs(logs: Iterable[LogLine]) -> Iterable[Finding]:
    for line in logs:
        does = traits(line.text)
        if len(does) >= _STRONG:
            yield Finding(line.service, "a log line", line.at, does, line.text)


def _of_alerts(alerts: Iterable[Alert]) -> Iterable[Finding]:
    known = list(alerts)
    said = {alert.summary for alert in known}.union(*(alert.labels.values() for alert in known))
    strong = {text for text in _alike(said) if len(traits(text)) >= _STRONG}
    if not strong:
        return
    for alert in known:
        texts = [("the summary of an alert", alert.summary)]
        texts += [(f"the label {name} of an alert", value) for name, value in sorted(alert.labels.items())]
        for where, text in texts:
            if text in strong:
                yield Finding(alert.service, where, alert.starts_at, traits(text), text)


# No pattern tells one digit from another, but for zeros, which stay what they are.
_DIGITS = str.maketrans("123456789", "0" * 9)
_APART = "\0"


def _alike(texts: AbstractSet[str]) -> Iterable[str]:
    """Those of many texts that two patterns may agree on: of texts that differ in digits alone, one is looked at.

    A storm names thousands of instances, which all look like a few.
    """
    joined = _APART.join(texts)
    if joined.count(_APART) >= len(texts):
        return _worth_a_look(texts)
    shapes = set(joined.translate(_DIGITS).split(_APART))
    strong = {shape for shape in _worth_a_look(shapes) if len(traits(shape)) >= _STRONG}
    return [text for text in texts if text.translate(_DIGITS) in strong] if strong else ()


def _worth_a_look(texts: AbstractSet[str]) -> Iterable[str]:
    """Those of many texts that two patterns may agree on; the others are not searched at all."""
    everything = "\n".join(texts).lower()
    stems = [stem for stem in _STEMS if stem in everything]
    spoken_to = [name for name in _SPOKEN_TO if name in everything]
    for text in texts:
        read = text.lower()
        if (
            not text.isascii()
            or any(stem in read for stem in stems)
            or ((":" in read or "," in read) and any(name in read for name in spoken_to))
        ):
            yield text
