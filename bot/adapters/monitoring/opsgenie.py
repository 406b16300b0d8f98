"""Opsgenie's outgoing webhook: an action on one of its alerts in each call."""

import msgspec

from bot.adapters.monitoring._frame import Arrival, Reader, Statement, When, alert, severity_of, unknown
from bot.domain.delivery import Delivery
from bot.domain.source_facts import SourceFacts
from bot.ports import AlertParser

FACTS = SourceFacts(
    kind="opsgenie",
    title="Opsgenie",
    about="The Webhook integration of Opsgenie (and of Jira Service Management's alerts).",
    proofs=("header", "bearer", "basic"),
    setup="""\
Settings > Integrations > Webhook:
  Webhook URL                    {url}
  Custom headers                 X-Watchkeeper-Token: {token}
  Add alert description, details yes
  Alert actions                  Create, Close, Acknowledge, UnAcknowledge, Escalate, Delete
""",
    mapping=(
        ("`alert.alias`, else `alert.alertId`", "fingerprint"),
        ("`alert.message`", "name"),
        ("`action` Close, Delete / Create, Acknowledge, UnAcknowledge, Escalate", "resolved / firing"),
        ("`alert.priority` P1, P2 / P3 / P4, P5", "critical / warning / info"),
        ("detail `service`, else tag `service:`, else `alert.entity`", "service"),
        ("`alert.description`, `alert.createdAt`", "summary, start"),
    ),
)
_FIRING = frozenset({"Create", "Acknowledge", "UnAcknowledge", "Escalate", "EscalateNext", "UpdatePriority"})
_RESOLVED = frozenset({"Close", "Delete"})


class _Alert(msgspec.Struct):
    alertId: str  # noqa: N815 - the sender's spelling
    message: str = ""
    alias: str = ""
    entity: str = ""
    description: str | None = None
    priority: str = ""
    createdAt: When = None  # noqa: N815 - the sender's spelling
    tags: list[str] = msgspec.field(default_factory=list)
    details: dict[str, str] = msgspec.field(default_factory=dict)


class _Payload(msgspec.Struct):
    action: str
    alert: _Alert


def build() -> AlertParser:
    """The parser of this file."""
    return Reader(FACTS, _Payload, _read)


def _read(payload: _Payload, arrival: Arrival) -> Delivery:
    said = payload.alert
    if payload.action not in _FIRING | _RESOLVED:
        return Delivery(note=f"the action {payload.action[:40]} says nothing about an alert's state")
    tags = dict(tag.split(":", 1) for tag in said.tags if ":" in tag)
    found = alert(
        arrival,
        Statement(
            identity={"alert": said.alias or said.alertId},
            name=said.message,
            firing=payload.action in _FIRING,
            severity=severity_of(said.priority),
            service=said.details.get("service") or tags.get("service") or said.entity,
            summary=said.description or said.message,
            starts=said.createdAt,
            labels={**tags, **said.details, "entity": said.entity, "tags": ", ".join(said.tags[:30])},
            kept=unknown(arrival.raw["alert"], _Alert),
        ),
    )
    return Delivery([found])
