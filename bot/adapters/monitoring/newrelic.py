"""New Relic's workflows, by the webhook destination with its default template: an issue in each call."""

import msgspec

from bot.adapters.monitoring._frame import Arrival, Reader, Statement, When, alert, severity_of, unknown
from bot.domain.delivery import Delivery
from bot.domain.source_facts import SourceFacts
from bot.ports import AlertParser

FACTS = SourceFacts(
    kind="newrelic",
    title="New Relic",
    about="A workflow's webhook channel with New Relic's default template.",
    proofs=("bearer", "basic", "header"),
    setup="""\
Alerts > Destinations > Webhook: endpoint URL {url}, authorization "Bearer token": {token}
Alerts > Workflows > Add a workflow > Notify > Webhook: this destination, the default template.
To name services, add to the template:   "service": {{{{json accumulations.tag.service.[0]}}}}
Its test notification is an ordinary one of an issue of New Relic's own; it opens an incident that you close.
""",
    mapping=(
        ("`id`", "fingerprint"),
        ("first of `alertConditionNames`, else `title`", "name"),
        ("`state` CLOSED / CREATED, ACTIVATED, ACKNOWLEDGED", "resolved / firing"),
        ("`priority` CRITICAL, HIGH / MEDIUM / LOW", "critical / warning / info"),
        ("`service`, else the first of `impactedEntities`", "service"),
        ("`title`, `createdAt`, `closedAt`, `issueUrl`", "summary, times, link"),
    ),
)


class _Payload(msgspec.Struct):
    id: str
    state: str
    title: str = ""
    priority: str = ""
    service: str = ""
    issueUrl: str = ""  # noqa: N815 - the sender's spelling
    impactedEntities: list[str] = msgspec.field(default_factory=list)  # noqa: N815 - the sender's spelling
    alertConditionNames: list[str] = msgspec.field(default_factory=list)  # noqa: N815 - the sender's spelling
    createdAt: When = None  # noqa: N815 - the sender's spelling
    closedAt: When = None  # noqa: N815 - the sender's spelling


def build() -> AlertParser:
    """The parser of this file."""
    return Reader(FACTS, _Payload, _read)


def _read(payload: _Payload, arrival: Arrival) -> Delivery:
    entities, conditions = payload.impactedEntities, payload.alertConditionNames
    found = alert(
        arrival,
        Statement(
            identity={"issue": payload.id},
            name=conditions[0] if conditions else payload.title,
            firing=payload.state.upper() != "CLOSED",
            severity=severity_of(payload.priority),
            service=payload.service or (entities[0] if entities else ""),
            summary=payload.title,
            starts=payload.createdAt,
            ends=payload.closedAt,
            labels={"entities": ", ".join(entities[:20]), "conditions": ", ".join(conditions[:20])},
            kept=unknown(arrival.raw, _Payload),
            link=payload.issueUrl,
        ),
    )
    return Delivery([found])
