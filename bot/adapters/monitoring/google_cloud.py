"""Google Cloud Monitoring's webhook channel: one incident of an alerting policy in each call."""

import msgspec

from bot.adapters.monitoring._frame import Arrival, Reader, Statement, When, alert, severity_of, unknown
from bot.domain.delivery import Delivery
from bot.domain.source_facts import SourceFacts
from bot.ports import AlertParser

FACTS = SourceFacts(
    kind="google_cloud",
    title="Google Cloud Monitoring",
    about="The webhook notification channel, version 1.2.",
    proofs=("basic", "google-url"),
    setup="""\
Monitoring > Alerting > Edit notification channels > Webhooks > Add new:
  Endpoint URL         {url}
  Use HTTP Basic Auth  user watchkeeper, password {token}
"Test connection" is answered with a note.
""",
    mapping=(
        ("`incident.incident_id`", "fingerprint"),
        ("`incident.policy_name`, else `condition_name`", "name"),
        ("`incident.state` closed / open", "resolved / firing"),
        ("`incident.severity` Critical, Error / Warning / else warning", "critical / warning"),
        (
            "user label `service` of the policy, else resource label `service_name`, `container_name` and the like",
            "service",
        ),
        ("`incident.summary`, `started_at`, `ended_at`, `url`", "summary, times, link"),
    ),
)
_NAMED = (
    "service_name",
    "service",
    "container_name",
    "function_name",
    "module_id",
    "database_id",
    "instance_id",
)


class _Resource(msgspec.Struct):
    type: str = ""
    labels: dict[str, str] = msgspec.field(default_factory=dict)


class _Incident(msgspec.Struct):
    incident_id: str
    state: str = "open"
    policy_name: str = ""
    condition_name: str = ""
    summary: str | None = None
    severity: str | None = None
    started_at: When = None
    ended_at: When = None
    url: str = ""
    resource: _Resource = msgspec.field(default_factory=_Resource)
    policy_user_labels: dict[str, str] | None = None


class _Payload(msgspec.Struct):
    incident: _Incident
    version: str = ""


def build() -> AlertParser:
    """The parser of this file."""
    return Reader(FACTS, _Payload, _read)


def _read(payload: _Payload, arrival: Arrival) -> Delivery:
    if payload.version == "test":
        return Delivery(note="the test of a notification channel; it opens nothing")
    said = payload.incident
    own = said.policy_user_labels or {}
    labels = said.resource.labels
    found = alert(
        arrival,
        Statement(
            identity={"incident": said.incident_id},
            name=said.policy_name or said.condition_name,
            firing=said.state != "closed",
            severity=severity_of(said.severity),
            service=own.get("service") or next((labels[name] for name in _NAMED if labels.get(name)), ""),
            summary=said.summary or said.condition_name,
            starts=said.started_at,
            ends=said.ended_at,
            labels={**labels, **own, "resource_type": said.resource.type, "condition": said.condition_name},
            kept=unknown(arrival.raw["incident"], _Incident),
            link=said.url,
        ),
    )
    return Delivery([found])
