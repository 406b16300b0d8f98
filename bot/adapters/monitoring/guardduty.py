"""Amazon GuardDuty's findings, as EventBridge tells them, straight, through SNS or from a queue."""

from typing import Any

import msgspec

from bot.adapters.monitoring._aws_envelope import PROOFS, SETUP_EVENTS, SETUP_QUEUE, SETUP_SNS, AwsReader
from bot.adapters.monitoring._frame import Arrival, Statement, When, alert, flat, typed, unknown
from bot.domain.alert import AlertSeverity
from bot.domain.delivery import Delivery
from bot.domain.source_facts import SourceFacts
from bot.domain.trust import Trust
from bot.ports import AlertParser

FACTS = SourceFacts(
    kind="guardduty",
    title="Amazon GuardDuty",
    about="Findings through EventBridge. A finding that is archived is resolved.",
    proofs=PROOFS,
    trust=Trust.PUBLIC,
    setup=SETUP_SNS
    + SETUP_EVENTS
    + SETUP_QUEUE
    + """\
In each case an EventBridge rule with the pattern
  {{"source": ["aws.guardduty"], "detail-type": ["GuardDuty Finding"], "detail": {{"severity": [{{"numeric": [">=", 4]}}]}}}}
"Generate sample findings" sends findings whose titles begin with [SAMPLE]; they are answered with a note.
""",
    mapping=(
        ("`detail.id`", "fingerprint"),
        ("`detail.type`", "name"),
        ("`detail.service.archived`", "resolved; else firing"),
        ("`detail.severity` 7 and more / 4 and more / below", "critical / warning / info"),
        ("tag `service` of the instance or cluster, else its id or name", "service"),
        ("`detail.title`, `service.eventFirstSeen`", "summary, start"),
        ("`detail.resource`, account, region, unknown fields", "labels"),
        ("all words", "public text, since strangers cause findings"),
    ),
)
_HIGH, _MEDIUM = 7.0, 4.0


class _Service(msgspec.Struct):
    archived: bool = False
    eventFirstSeen: When = None  # noqa: N815 - the sender's spelling
    count: int = 1


class _Detail(msgspec.Struct):
    id: str
    type: str
    severity: float
    title: str = ""
    description: str = ""
    accountId: str = ""  # noqa: N815 - the sender's spelling
    region: str = ""
    service: _Service = msgspec.field(default_factory=_Service)
    resource: dict[str, Any] = msgspec.field(default_factory=dict)


class _Event(msgspec.Struct, rename={"detail_type": "detail-type"}):
    id: str
    detail_type: str
    detail: _Detail


def build() -> AlertParser:
    """The parser of this file."""
    return AwsReader(FACTS, _read)


def _read(arrival: Arrival) -> Delivery:
    if arrival.raw.get("detail-type") != "GuardDuty Finding":
        return Delivery(note="an event that is no finding of GuardDuty")
    event = typed(arrival.raw, _Event, FACTS.title)
    detail = event.detail
    if detail.title.startswith("[SAMPLE]"):
        return Delivery(note="a sample finding; it opens nothing", once=event.id)
    found = alert(
        arrival,
        Statement(
            identity={"finding": detail.id},
            name=detail.type,
            firing=not detail.service.archived,
            severity=_severity(detail.severity),
            service=_service(detail.resource),
            summary=detail.title or detail.description,
            starts=detail.service.eventFirstSeen,
            labels={"account": detail.accountId, "region": detail.region, "count": detail.service.count},
            kept={**flat(detail.resource, "resource"), **unknown(arrival.raw, _Event)},
        ),
    )
    return Delivery([found], once=event.id)


def _severity(number: float) -> AlertSeverity:
    if number >= _HIGH:
        return AlertSeverity.CRITICAL
    return AlertSeverity.WARNING if number >= _MEDIUM else AlertSeverity.INFO


def _service(resource: dict[str, Any]) -> str:
    """By the resource's own tag, else by its id or name."""
    for part in resource.values():
        if not isinstance(part, dict):
            continue
        tags = part.get("tags")
        for tag in tags if isinstance(tags, list) else ():
            if isinstance(tag, dict) and tag.get("key") == "service" and tag.get("value"):
                return str(tag["value"])
    for part in resource.values():
        names = part if isinstance(part, dict) else {}
        found = names.get("instanceId") or names.get("name") or names.get("dbInstanceIdentifier")
        if found:
            return str(found)
    return ""
