"""PagerDuty's webhooks, version 3: one event of one of its incidents in each call, signed."""

import msgspec

from bot.adapters.monitoring._frame import Arrival, Reader, Statement, When, alert, moment, unknown
from bot.domain.alert import AlertSeverity
from bot.domain.delivery import Delivery
from bot.domain.errors import Permanent
from bot.domain.source_facts import SourceFacts
from bot.ports import AlertParser

_TWO_DAYS_S = 172_800.0
FACTS = SourceFacts(
    kind="pagerduty",
    title="PagerDuty",
    about="PagerDuty's webhook subscriptions, version 3: an incident there is an alert here.",
    proofs=("pagerduty",),
    window_s=_TWO_DAYS_S,
    setup="""\
Integrations > Generic Webhooks (v3) > New Webhook:
  Webhook URL          {url}
  Scope                the account, a team or a service
  Event subscription   incident.triggered, .acknowledged, .unacknowledged, .reopened, .escalated, .priority_updated,
                       .resolved
PagerDuty then shows a secret, once: that is this source's token ({token}).
"Send Test Event" is answered with a note. For a rotation put the old secret into "previous_token".
""",
    mapping=(
        ("`event.data.incident_key`, else `event.data.id`", "fingerprint"),
        ("`event.data.title`", "name and summary"),
        ("`event.event_type` incident.resolved / any other of an incident's state", "resolved / firing"),
        ("`priority.summary` P1, P2 / P4, P5; else `urgency` high / low", "critical / info / warning"),
        ("`service.summary`", "service"),
        ("`created_at`, `html_url`", "start and link"),
        ("`event.id`", "taken once; `event.occurred_at` may be two days old"),
    ),
)
_STATES = frozenset(
    f"incident.{word}"
    for word in (
        "triggered",
        "acknowledged",
        "unacknowledged",
        "reopened",
        "escalated",
        "reassigned",
        "delegated",
        "priority_updated",
        "resolved",
    )
)
_PRIORITIES = {
    "p1": AlertSeverity.CRITICAL,
    "p2": AlertSeverity.CRITICAL,
    "p3": AlertSeverity.WARNING,
    "p4": AlertSeverity.INFO,
    "p5": AlertSeverity.INFO,
}
_URGENCIES = {"high": AlertSeverity.CRITICAL, "low": AlertSeverity.WARNING}


class _Named(msgspec.Struct):
    summary: str = ""
    id: str = ""


class _Data(msgspec.Struct):
    id: str = ""
    title: str = ""
    incident_key: str | None = None
    created_at: When = None
    html_url: str = ""
    urgency: str = ""
    service: _Named | None = None
    priority: _Named | None = None


class _Event(msgspec.Struct):
    id: str
    event_type: str
    occurred_at: When = None
    data: _Data = msgspec.field(default_factory=_Data)


class _Payload(msgspec.Struct):
    event: _Event


def build() -> AlertParser:
    """The parser of this file."""
    return Reader(FACTS, _Payload, _read)


def _read(payload: _Payload, arrival: Arrival) -> Delivery:
    event, data = payload.event, payload.event.data
    sent_at = moment(event.occurred_at, arrival.received_at)
    if event.event_type not in _STATES:
        note = f"an event {event.event_type[:60]} says nothing about an incident's state"
        return Delivery(note=note, sent_at=sent_at, once=event.id)
    if not data.id:
        message = "not a call of PagerDuty: Object missing required field `id` - at `$.event.data`"
        raise Permanent(message)
    service = data.service.summary if data.service else ""
    found = alert(
        arrival,
        Statement(
            identity={"incident": data.incident_key or data.id},
            name=data.title,
            firing=event.event_type != "incident.resolved",
            severity=_severity(data),
            service=service,
            summary=data.title,
            starts=data.created_at,
            ends=event.occurred_at,
            labels={"incident_id": data.id, "urgency": data.urgency},
            kept=unknown(arrival.raw["event"]["data"], _Data),
            link=data.html_url,
        ),
    )
    return Delivery([found], sent_at=sent_at, once=event.id)


def _severity(data: _Data) -> AlertSeverity:
    by_priority = _PRIORITIES.get(data.priority.summary.lower()) if data.priority else None
    return by_priority or _URGENCIES.get(data.urgency, AlertSeverity.WARNING)
