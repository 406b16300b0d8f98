"""AWS Security Hub's findings, as EventBridge tells them: several in each event."""

from typing import Any

import msgspec

from bot.adapters.monitoring._aws_envelope import PROOFS, SETUP_EVENTS, SETUP_QUEUE, SETUP_SNS, AwsReader
from bot.adapters.monitoring._frame import Arrival, Statement, When, alert, severity_of, typed, unknown
from bot.domain.alert import Alert, AlertSeverity
from bot.domain.delivery import Delivery
from bot.domain.source_facts import SourceFacts
from bot.domain.trust import Trust
from bot.ports import AlertParser

FACTS = SourceFacts(
    kind="security_hub",
    title="AWS Security Hub",
    about="Imported findings through EventBridge, in the AWS Security Finding Format.",
    proofs=PROOFS,
    trust=Trust.PUBLIC,
    setup=SETUP_SNS
    + SETUP_EVENTS
    + SETUP_QUEUE
    + """\
In each case an EventBridge rule with the pattern
  {{"source": ["aws.securityhub"], "detail-type": ["Security Hub Findings - Imported"],
   "detail": {{"findings": {{"Severity": {{"Label": ["HIGH", "CRITICAL"]}}}}}}}}
""",
    mapping=(
        ("`Id`", "fingerprint"),
        ("`Title`", "name"),
        (
            "`RecordState` ARCHIVED, `Workflow.Status` RESOLVED or SUPPRESSED, `Compliance.Status` PASSED",
            "resolved",
        ),
        ("`Severity.Label` CRITICAL, HIGH / MEDIUM / LOW, INFORMATIONAL", "critical / warning / info"),
        ("tag `service` of the first resource, else its id", "service"),
        ("`Description`, `FirstObservedAt` or `CreatedAt`, `SourceUrl`", "summary, start, link"),
    ),
)
_LEVELS = {"medium": AlertSeverity.WARNING}


class _Label(msgspec.Struct):
    Label: str = ""


class _Status(msgspec.Struct):
    Status: str = ""


class _Resource(msgspec.Struct):
    Id: str = ""
    Type: str = ""
    Tags: dict[str, str] = msgspec.field(default_factory=dict)


class _Finding(msgspec.Struct):
    Id: str
    Title: str = ""
    Description: str = ""
    AwsAccountId: str = ""
    Region: str = ""
    Severity: _Label = msgspec.field(default_factory=_Label)
    Workflow: _Status = msgspec.field(default_factory=_Status)
    Compliance: _Status = msgspec.field(default_factory=_Status)
    RecordState: str = "ACTIVE"
    FirstObservedAt: When = None
    CreatedAt: When = None
    SourceUrl: str = ""
    Resources: list[_Resource] = msgspec.field(default_factory=list)


class _Detail(msgspec.Struct):
    findings: list[_Finding]


class _Event(msgspec.Struct, rename={"detail_type": "detail-type"}):
    id: str
    detail_type: str
    detail: _Detail


def build() -> AlertParser:
    """The parser of this file."""
    return AwsReader(FACTS, _read)


def _read(arrival: Arrival) -> Delivery:
    if arrival.raw.get("detail-type") != "Security Hub Findings - Imported":
        return Delivery(note="an event that holds no imported findings")
    event = typed(arrival.raw, _Event, FACTS.title)
    raws = arrival.raw["detail"]["findings"]
    around = unknown(arrival.raw, _Event)
    found = [
        _alert(finding, {**unknown(raw, _Finding), **around}, arrival)
        for finding, raw in zip(event.detail.findings, raws, strict=True)
    ]
    return Delivery(found, note="" if found else "an event without a finding", once=event.id)


def _alert(finding: _Finding, kept: dict[str, Any], arrival: Arrival) -> Alert:
    on = finding.Resources[0] if finding.Resources else _Resource()
    over = (
        finding.RecordState == "ARCHIVED"
        or finding.Workflow.Status in ("RESOLVED", "SUPPRESSED")
        or finding.Compliance.Status == "PASSED"
    )
    return alert(
        arrival,
        Statement(
            identity={"finding": finding.Id},
            name=finding.Title,
            firing=not over,
            severity=severity_of(finding.Severity.Label, _LEVELS),
            service=on.Tags.get("service") or on.Id.rsplit("/", 1)[-1].rsplit(":", 1)[-1],
            summary=finding.Description,
            starts=finding.FirstObservedAt or finding.CreatedAt,
            labels={
                "account": finding.AwsAccountId,
                "region": finding.Region,
                "resource": on.Id,
                "resource_type": on.Type,
            },
            kept=kept,
            link=finding.SourceUrl,
        ),
    )
