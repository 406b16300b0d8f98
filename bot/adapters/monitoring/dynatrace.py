"""Dynatrace's problem notifications, by a custom integration whose payload is a template of ours."""

from typing import Any

import msgspec

from bot.adapters.monitoring._frame import Arrival, Reader, Statement, alert, unknown
from bot.domain.alert import AlertSeverity
from bot.domain.delivery import Delivery
from bot.domain.source_facts import SourceFacts
from bot.ports import AlertParser

FACTS = SourceFacts(
    kind="dynatrace",
    title="Dynatrace",
    about="Problem notifications of type custom integration: an opened, changed or closed problem in each call.",
    proofs=("header", "bearer", "basic"),
    setup="""\
Settings > Integration > Problem notifications > Custom integration:
  Webhook URL    {url}
  HTTP header    X-Watchkeeper-Token: {token}
  Call webhook if problem is closed   yes
  Payload        {{"pid": "{{PID}}", "problem": "{{ProblemID}}", "state": "{{State}}", "title": "{{ProblemTitle}}",
                  "severity": "{{ProblemSeverity}}", "impact": "{{ProblemImpact}}", "url": "{{ProblemURL}}",
                  "tags": "{{Tags}}", "entities": {{ImpactedEntities}}}}
"Send test notification" is answered with a note.
""",
    mapping=(
        ("`pid`", "fingerprint"),
        ("`title`", "name and summary"),
        ("`state` RESOLVED, MERGED / OPEN", "resolved / firing"),
        (
            "`severity` AVAILABILITY, ERROR / PERFORMANCE, RESOURCE_CONTENTION, CUSTOM_ALERT / else",
            "critical / warning / warning",
        ),
        ("tag `service:`, else the name of the first impacted entity", "service"),
        ("`url`, `entities`, `tags`, unknown fields", "link, labels"),
    ),
)
_CRITICAL = frozenset({"AVAILABILITY", "ERROR"})


class _Payload(msgspec.Struct):
    pid: str
    state: str
    title: str
    problem: str = ""
    severity: str = ""
    impact: str = ""
    url: str = ""
    tags: str = ""
    entities: Any = None


def build() -> AlertParser:
    """The parser of this file."""
    return Reader(FACTS, _Payload, _read)


def _read(payload: _Payload, arrival: Arrival) -> Delivery:
    if "test run" in payload.title.lower():
        return Delivery(note="the test of a problem notification; it opens nothing")
    tags = dict(tag.strip().split(":", 1) for tag in payload.tags.split(",") if ":" in tag)
    listed = payload.entities if isinstance(payload.entities, list) else []
    names = [str(one["name"]) for one in listed if isinstance(one, dict) and one.get("name")]
    found = alert(
        arrival,
        Statement(
            identity={"problem": payload.pid},
            name=payload.title,
            firing=payload.state.upper() not in ("RESOLVED", "MERGED"),
            severity=AlertSeverity.CRITICAL if payload.severity in _CRITICAL else AlertSeverity.WARNING,
            service=tags.get("service") or (names[0] if names else ""),
            summary=payload.title,
            labels={
                **tags,
                "entities": ", ".join(names[:20]),
                "impact": payload.impact,
                "problem": payload.problem,
            },
            kept=unknown(arrival.raw, _Payload),
            link=payload.url,
        ),
    )
    return Delivery([found])
