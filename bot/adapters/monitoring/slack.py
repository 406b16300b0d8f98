"""Alerts that other apps post in a Slack channel: title, text and attachments of one message become one Alert.

The words may have been written by anybody, so they are public text unless the message is a bot's own; a message has
no labels, so its fingerprint is its cleaned title within the source.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from bot.adapters.monitoring._limits import within_limits
from bot.adapters.monitoring._mapping import Compiled, read_rules
from bot.domain.alert import Alert, AlertSeverity, AlertStatus, fingerprint_of
from bot.domain.delivery import Delivery
from bot.domain.errors import Permanent
from bot.domain.source_facts import SourceFacts
from bot.domain.trust import Trust
from bot.ports import AlertParser
from bot.settings import Source

FACTS = SourceFacts(
    kind="slack",
    title="Alerts that other apps post in Slack",
    about="Messages of other apps in a channel that Watchkeeper is in. They come over Slack, not over this address.",
    proofs=("bearer",),
    trust=Trust.PUBLIC,
    setup="""\
# 1. /invite @watchkeeper in the channel.
# 2. Name the apps, by app id, bot id or name, each with the name of its source:
WATCHKEEPER_SLACK_ALERT_APPS='{{"A0EXAMPLE": "statuscake"}}'
# 3. Where the common reading does not fit an app, give its source rules of its own:
WATCHKEEPER_SOURCES='{{"statuscake": {{"kind": "slack", "mapping": "/etc/watchkeeper/statuscake.toml"}}}}'
# statuscake.toml: regular expressions over the whole text, without regard to case; a group is what is taken
name = "Test: (.+)"
service = "Group: ([a-z0-9-]+)"
resolved = "is back up"
critical = "is down"
ignore = "weekly report"
""",
    mapping=(
        ("the title without status words, within the source", "fingerprint and name"),
        ("resolved, recovered, OK, a green mark or colour", "resolved; else firing"),
        ("critical, P1, down, a red mark or colour / info / else", "critical / info / warning"),
        ("`service:`, `app:`, `job:` or `deployment:` and what follows", "service"),
        ("the whole text", "summary"),
    ),
)
_RESOLVED = re.compile(
    r"(?i)(\[?\bresolved\b\]?|\brecovered\b|\bback to normal\b|^\s*ok\b|✅|:white_check_mark:)"
)
_CRITICAL = re.compile(
    r"(?i)\b(critical|sev-?1|p1|page|fatal|down|emergency)\b|🔴|🚨|:rotating_light:|:red_circle:"
)
_INFO = re.compile(r"(?i)\b(info|notice)\b|:information_source:")
_STATUS_WORDS = re.compile(
    r"(?i)\[(firing|triggered|resolved|recovered|alerting|ok|critical|warning|info)(:\d+)?\]|\b(resolved|recovered|firing|triggered|alerting)\b:?"
    r"|:[a-z_]{2,40}:|[🔴🚨✅🟠🟡🔵⚠️]"
)
_SERVICE = re.compile(
    r"(?i)\b(?:service|app|application|job|deployment)\s*[:=]\s*[`*\"']?([A-Za-z0-9][A-Za-z0-9._-]{0,99})"
)
_MARKUP = re.compile(r"<([^<>|]*)(?:\|([^<>]*))?>")
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))
_COLOURS = {"danger": AlertSeverity.CRITICAL, "warning": AlertSeverity.WARNING, "good": None}
_TITLE, _SUMMARY = 150, 1000


class _Field(msgspec.Struct):
    title: str = ""
    value: str = ""


class _Attachment(msgspec.Struct):
    title: str = ""
    title_link: str = ""
    text: str = ""
    fallback: str = ""
    pretext: str = ""
    color: str = ""
    fields: list[_Field] = msgspec.field(default_factory=list)


class _Message(msgspec.Struct):
    ts: str
    text: str = ""
    app_id: str = ""
    bot_id: str = ""
    username: str = ""
    attachments: list[_Attachment] = msgspec.field(default_factory=list)
    blocks: list[dict[str, Any]] = msgspec.field(default_factory=list)


_DECODER = msgspec.json.Decoder(_Message)


class SlackMessage:
    """Reads the message of another app as an alert."""

    name = FACTS.kind
    facts = FACTS

    def __init__(self, rules: Mapping[str, Compiled]) -> None:
        self._rules = rules

    def parse(self, body: bytes, *, source: str, received_at: float) -> Delivery:
        """One alert, or none for a message without words; raises Permanent for what is no message."""
        try:
            message = _DECODER.decode(body)
            starts_at = float(message.ts)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
            reason = f"not a Slack message: {error}"
            raise Permanent(reason) from error
        lines = [line for line in (_plain(text) for text in _texts(message)) if line]
        if not lines:
            return Delivery(note="a message without words is no alert")
        rules = self._rules.get(source, Compiled())
        whole = "\n".join(_plain(line) for text in _texts(message) for line in text.splitlines())
        if rules.ignore and rules.ignore.search(whole):
            return Delivery(note="a message that the rules of its app ignore")
        found = _ruled(_alert(message, lines, source, starts_at, received_at), whole, rules)
        return Delivery(within_limits([found], body))


def build() -> AlertParser:
    """The parser of this file."""
    return SlackMessage({})


def build_for(sources: Mapping[str, Source]) -> AlertParser:
    """The parser with the rules of its sources; raises Permanent where a file is wrong."""
    files = {name: source.mapping for name, source in sources.items() if source.mapping}
    return SlackMessage({name: read_rules(name, path) for name, path in files.items()})


def _ruled(alert: Alert, whole: str, rules: Compiled) -> Alert:
    """The alert as the rules of its app see it; what they do not name stays."""
    if not rules.given:
        return alert
    name = _found(rules.name, whole) or alert.name
    service = _found(rules.service, whole) or alert.service
    labels = {**alert.labels, "alertname": name, "service": service}
    over = bool(rules.resolved.search(whole)) if rules.resolved else alert.status is AlertStatus.RESOLVED
    severity = alert.severity
    if rules.critical or rules.info:
        severity = _by_rules(rules, whole)
    return alert._replace(
        fingerprint=fingerprint_of(alert.source, {"alertname": name, "service": service}),
        name=name[:_TITLE],
        service=service[:_TITLE],
        labels=labels,
        severity=severity,
        status=AlertStatus.RESOLVED if over else AlertStatus.FIRING,
        ends_at=alert.received_at if over else None,
    )


def _found(rule: re.Pattern[str] | None, whole: str) -> str:
    """The first group of the rule where it has one, else all that it found."""
    found = rule.search(whole) if rule else None
    return (found.group(1) if found.re.groups else found.group(0)).strip() if found else ""


def _by_rules(rules: Compiled, whole: str) -> AlertSeverity:
    if rules.critical and rules.critical.search(whole):
        return AlertSeverity.CRITICAL
    return AlertSeverity.INFO if rules.info and rules.info.search(whole) else AlertSeverity.WARNING


def _alert(message: _Message, lines: list[str], source: str, starts_at: float, received_at: float) -> Alert:
    whole = "\n".join(lines)
    title = " ".join(_STATUS_WORDS.sub(" ", lines[0]).split())[:_TITLE] or lines[0][:_TITLE]
    found = _SERVICE.search(whole)
    service = found.group(1) if found else ""
    resolved = bool(_RESOLVED.search(lines[0])) or _colour(message) == "good"
    labels = {"alertname": title, "service": service}
    return Alert(
        fingerprint=fingerprint_of(source, labels),
        source=source,
        name=title,
        status=AlertStatus.RESOLVED if resolved else AlertStatus.FIRING,
        severity=_severity(message, whole),
        service=service,
        summary=whole[:_SUMMARY],
        starts_at=min(starts_at, received_at),
        received_at=received_at,
        ends_at=received_at if resolved else None,
        labels=labels,
        trust=Trust.WORKLOAD if message.bot_id else Trust.PUBLIC,
    )


def _texts(message: _Message) -> list[str]:
    """Every piece of text, the headline first."""
    found: list[str] = []
    for part in message.attachments:
        found += [part.pretext, part.title, part.text or part.fallback]
        found += [f"{field.title}: {field.value}" for field in part.fields[:20]]
    heads = [text for text in (message.text, *found) if text.strip()]
    return heads or [text for block in message.blocks[:20] for text in _block_texts(block)]


def _block_texts(block: dict[str, Any]) -> list[str]:
    texts = (
        [block.get("text"), *(block.get("fields") or ())]
        if isinstance(block.get("fields") or [], list)
        else []
    )
    return [
        str(text["text"]) for text in texts if isinstance(text, dict) and isinstance(text.get("text"), str)
    ]


def _plain(text: str) -> str:
    """Slack's markup as the words that a reader sees, on one line."""
    words = _MARKUP.sub(lambda found: found.group(2) or found.group(1), text)
    for entity, char in _ENTITIES:
        words = words.replace(entity, char)
    return " ".join(words.replace("*", " ").split())


def _colour(message: _Message) -> str:
    return next((part.color for part in message.attachments if part.color), "")


def _severity(message: _Message, whole: str) -> AlertSeverity:
    by_colour = _COLOURS.get(_colour(message))
    if by_colour is not None:
        return by_colour
    if _CRITICAL.search(whole):
        return AlertSeverity.CRITICAL
    return AlertSeverity.INFO if _INFO.search(whole) else AlertSeverity.WARNING
