"""Elastic (Kibana rules) and OpenSearch (monitors), by a webhook whose body is a template of ours."""

import msgspec

from bot.adapters.monitoring._frame import Arrival, Reader, Statement, When, alert, severity_of, unknown
from bot.domain.alert import AlertSeverity
from bot.domain.delivery import Delivery
from bot.domain.source_facts import SourceFacts
from bot.ports import AlertParser

FACTS = SourceFacts(
    kind="elastic",
    title="Elastic and OpenSearch",
    about="Kibana's webhook connector and OpenSearch's custom webhook channel.",
    proofs=("header", "basic", "bearer"),
    setup="""\
Kibana: Stack Management > Connectors > Webhook: method POST, URL {url}, header X-Watchkeeper-Token: {token}
In each rule one action for "active" (on status changes, or each check) and one for "Recovered", both with the body
  {{"rule_id": "{{{{rule.id}}}}", "rule": "{{{{rule.name}}}}", "alert": "{{{{alert.id}}}}", "group": "{{{{alert.actionGroup}}}}",
   "reason": "{{{{context.reason}}}}", "service": "{{{{context.serviceName}}}}", "at": "{{{{date}}}}", "url": "{{{{rule.url}}}}",
   "severity": "critical"}}
OpenSearch: Notifications > Channels > Custom webhook: the same URL and header; as the message of the trigger's action
  {{"rule_id": "{{{{ctx.monitor._id}}}}", "rule": "{{{{ctx.monitor.name}}}}", "alert": "{{{{ctx.trigger.name}}}}",
   "severity": "{{{{ctx.trigger.severity}}}}", "at": "{{{{ctx.periodEnd}}}}", "group": "active"}}
"Send test message" holds no rule and is answered with a note.
""",
    mapping=(
        ("`rule_id`, else `rule`, and `alert`", "fingerprint"),
        ("`rule`", "name"),
        ("`group` recovered, completed / else", "resolved / firing"),
        ("`severity` critical, high, 1, 2 / 4, 5 / else", "critical / info / warning"),
        ("`service`", "service"),
        ("`reason`, `at`, `url`, unknown fields", "summary, start, link, labels"),
    ),
)
_LEVELS = {
    "1": AlertSeverity.CRITICAL,
    "2": AlertSeverity.CRITICAL,
    "4": AlertSeverity.INFO,
    "5": AlertSeverity.INFO,
}


class _Payload(msgspec.Struct):
    rule: str = ""
    rule_id: str = ""
    alert: str = ""
    group: str = ""
    reason: str = ""
    service: str = ""
    severity: str | int = ""
    at: When = None
    url: str = ""


def build() -> AlertParser:
    """The parser of this file."""
    return Reader(FACTS, _Payload, _read)


def _read(payload: _Payload, arrival: Arrival) -> Delivery:
    if not payload.rule and not payload.rule_id:
        return Delivery(note="a message that names no rule, such as a channel's test; it opens nothing")
    found = alert(
        arrival,
        Statement(
            identity={"rule": payload.rule_id or payload.rule, "alert": payload.alert},
            name=payload.rule,
            firing=payload.group.lower() not in ("recovered", "completed"),
            severity=severity_of(payload.severity, _LEVELS),
            service=payload.service,
            summary=payload.reason,
            starts=payload.at,
            labels={"rule_id": payload.rule_id, "alert": payload.alert, "group": payload.group},
            kept=unknown(arrival.raw, _Payload),
            link=payload.url,
        ),
    )
    return Delivery([found])
