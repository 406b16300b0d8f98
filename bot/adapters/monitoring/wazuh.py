"""Wazuh's alerts, by an integration script of the manager: one alert in each call. It quotes logs, so it is anybody's text."""

import msgspec

from bot.adapters.monitoring._frame import Arrival, Reader, Statement, When, alert, unknown
from bot.domain.alert import AlertSeverity
from bot.domain.delivery import Delivery
from bot.domain.source_facts import SourceFacts
from bot.domain.trust import Trust
from bot.ports import AlertParser

FACTS = SourceFacts(
    kind="wazuh",
    title="Wazuh",
    about="An integration of the manager. An alert has no end; whoever works on it closes the incident.",
    proofs=("bearer", "basic", "header"),
    trust=Trust.PUBLIC,
    setup="""\
On the manager, /var/ossec/integrations/custom-watchkeeper (owner root:wazuh, mode 750):
  #!/usr/bin/env python3
  import sys, urllib.request
  body = open(sys.argv[1], "rb").read()
  call = urllib.request.Request(sys.argv[3], body, {{
      "Authorization": "Bearer " + sys.argv[2], "Content-Type": "application/json"}})
  urllib.request.urlopen(call, timeout=10)
/var/ossec/etc/ossec.conf:
  <integration>
    <name>custom-watchkeeper</name>
    <hook_url>{url}</hook_url>
    <api_key>{token}</api_key>
    <level>10</level>
    <alert_format>json</alert_format>
  </integration>
""",
    mapping=(
        ("`rule.id` and `agent.id`", "fingerprint"),
        ("`rule.description`", "name"),
        ("`rule.level` 12 and more / 7 to 11 / below", "critical / warning / info"),
        ("agent label `service`, else `agent.name`", "service"),
        ("`full_log`, `timestamp`", "summary, start"),
        ("`rule.groups`, `rule.mitre`, `data`, unknown fields", "labels"),
        ("no `rule`", "a note"),
    ),
)
_CRITICAL_LEVEL, _WARNING_LEVEL = 12, 7


class _Rule(msgspec.Struct):
    id: str
    level: int
    description: str = ""
    groups: list[str] = msgspec.field(default_factory=list)


class _Agent(msgspec.Struct):
    id: str = ""
    name: str = ""
    ip: str = ""
    labels: dict[str, str] | None = None


class _Payload(msgspec.Struct):
    rule: _Rule | None = None
    agent: _Agent = msgspec.field(default_factory=_Agent)
    timestamp: When = None
    full_log: str = ""
    location: str = ""


def build() -> AlertParser:
    """The parser of this file."""
    return Reader(FACTS, _Payload, _read)


def _read(payload: _Payload, arrival: Arrival) -> Delivery:
    rule, agent = payload.rule, payload.agent
    if rule is None:
        return Delivery(note="a message without a rule is no alert")
    found = alert(
        arrival,
        Statement(
            identity={"rule": rule.id, "agent": agent.id},
            name=rule.description or f"rule {rule.id}",
            severity=_severity(rule.level),
            service=(agent.labels or {}).get("service") or agent.name,
            summary=payload.full_log or rule.description,
            starts=payload.timestamp,
            labels={
                "host": agent.name,
                "address": agent.ip,
                "rule": rule.id,
                "level": rule.level,
                "groups": ", ".join(rule.groups[:20]),
                "location": payload.location,
            },
            kept={
                **unknown(arrival.raw["rule"], _Rule),
                **unknown(arrival.raw, _Payload),
            },
        ),
    )
    return Delivery([found])


def _severity(level: int) -> AlertSeverity:
    if level >= _CRITICAL_LEVEL:
        return AlertSeverity.CRITICAL
    return AlertSeverity.WARNING if level >= _WARNING_LEVEL else AlertSeverity.INFO
