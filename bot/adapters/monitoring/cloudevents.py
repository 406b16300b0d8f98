"""CloudEvents 1.0 in structured mode, one or a batch: alerts by their type, and CDEvents' deployments as changes.

Binary mode has become structured before it comes here, in `bot/http/event_headers.py`.
"""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from bot.adapters.monitoring._frame import (
    Arrival,
    Statement,
    When,
    alert,
    flat,
    moment,
    plain,
    severity_of,
    text,
    typed,
    unknown,
)
from bot.adapters.monitoring._limits import within_limits
from bot.domain.alert import Alert
from bot.domain.delivery import Delivery
from bot.domain.errors import Permanent
from bot.domain.source_facts import SourceFacts
from bot.domain.telemetry import Change, ChangeKind
from bot.ports import AlertParser

FACTS = SourceFacts(
    kind="cloudevents",
    title="CloudEvents",
    about="Events of version 1.0 in structured mode (application/cloudevents+json), in binary mode, or a batch.",
    proofs=("bearer", "cloudevents-url", "basic", "header"),
    batches=True,
    setup="""\
Knative, for instance (in the settings "proof": "cloudevents-url"):
  kind: Trigger ... spec: {{subscriber: {{uri: "{url}?access_token={token}"}}}}
or any sender: POST {url}
  Authorization: Bearer {token}
  Content-Type: application/cloudevents+json
  {{"specversion": "1.0", "id": "1", "source": "/shop", "type": "com.example.alert.firing", "subject": "checkout",
   "data": {{"name": "QueueTooLong", "severity": "critical", "summary": "12,000 wait"}}}}
""",
    mapping=(
        ("`source`, `subject` and `data.name`, else `data.id`", "fingerprint"),
        (
            "last word of `type`, or `data.status`: firing, fired, triggered, alert, alarm, problem, open",
            "firing",
        ),
        ("resolved, recovered, closed, ok, cleared", "resolved"),
        ("`dev.cdevents.service.` deployed, upgraded, rolledback, published", "change of kind deploy"),
        (
            "`data.name`, else `type`; `data.severity`; `data.service`, else `subject`",
            "name; severity; service",
        ),
        ("`data.summary`, `time`, `data.link`; attributes and `data`", "summary, start, link; labels"),
        ("`id`, where one event comes alone", "taken once"),
        ("any other type", "a note"),
    ),
)
_FIRING = frozenset({"firing", "fired", "triggered", "alert", "alarm", "problem", "open", "opened"})
_RESOLVED = frozenset({"resolved", "recovered", "closed", "ok", "cleared"})
_DEPLOYED = re.compile(r"^dev\.cdevents\.service\.(deployed|upgraded|rolledback|published)\.")


class _Event(msgspec.Struct):
    specversion: str
    id: str
    source: str
    type: str
    subject: str = ""
    time: When = None
    data: Any = None


class CloudEvents:
    """Reads one event or a batch."""

    name = FACTS.kind
    facts = FACTS

    def parse(self, body: bytes, *, source: str, received_at: float) -> Delivery:
        """Every alert and change in it; raises Permanent naming what is wrong."""
        raw = plain(body, FACTS.title)
        raws = raw if isinstance(raw, list) else [raw]
        if not raws:
            message = "not a call of CloudEvents: an empty batch"
            raise Permanent(message)
        arrival = Arrival(source, received_at, raw, FACTS.trust)
        read = [_read(typed(one, _Event, FACTS.title), one, arrival) for one in raws]
        alerts = [found for one in read for found in one.alerts]
        changes = [found for one in read for found in one.changes]
        within_limits(alerts, body)
        note = "" if alerts or changes else read[0].note
        return Delivery(alerts, changes, note, once=_once(raws))


def build() -> AlertParser:
    """The parser of this file."""
    return CloudEvents()


def _once(raws: Sequence[Any]) -> str:
    """The pair that CloudEvents itself says is unique."""
    return f"{raws[0]['source']}\x1f{raws[0]['id']}" if len(raws) == 1 else ""


def _read(event: _Event, raw: Any, arrival: Arrival) -> Delivery:
    if event.specversion.partition(".")[0] != "1":
        message = f"CloudEvents {event.specversion[:10]!r} is not supported, expected 1.0"
        raise Permanent(message)
    data = event.data if isinstance(event.data, dict) else {}
    deployed = _DEPLOYED.match(event.type)
    if deployed:
        return Delivery(changes=[_change(event, data, deployed.group(1), arrival)])
    word = text(data.get("status")).lower() or event.type.rsplit(".", 1)[-1].lower()
    if word not in _FIRING | _RESOLVED:
        return Delivery(note=f"an event of type {event.type[:80]} is no alert")
    return Delivery([_alert(event, data, word in _FIRING, {**unknown(raw, _Event), **flat(data)}, arrival)])


def _alert(
    event: _Event, data: dict[str, Any], firing: bool, kept: dict[str, str], arrival: Arrival
) -> Alert:
    name = text(data.get("name")) or event.type
    stable = text(data.get("name")) or text(data.get("id")) or event.type.rsplit(".", 1)[0]
    return alert(
        arrival,
        Statement(
            identity={"source": event.source, "subject": event.subject, "name": stable},
            name=name,
            firing=firing,
            severity=severity_of(data.get("severity")),
            service=text(data.get("service")) or event.subject,
            summary=text(data.get("summary")) or text(data.get("message")),
            starts=event.time,
            ends=event.time,
            labels={"event_source": event.source, "event_type": event.type, "subject": event.subject},
            kept=kept,
            link=text(data.get("link")),
        ),
    )


def _change(event: _Event, data: dict[str, Any], how: str, arrival: Arrival) -> Change:
    subject = data.get("subject")
    about = subject if isinstance(subject, dict) else {}
    content = about.get("content")
    artifact = text(content.get("artifactId")) if isinstance(content, dict) else ""
    service = text(about.get("id")) or event.subject
    return Change(
        service=service.rsplit("/", 1)[-1],
        kind=ChangeKind.DEPLOY,
        at=moment(event.time, arrival.received_at),
        title=f"{service} {how}",
        before="",
        after=artifact,
    )
