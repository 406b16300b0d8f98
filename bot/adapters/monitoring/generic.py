"""Generic JSON: for anything that can send an HTTP request. The format is documented in docs/sources/generic.md.

{"alerts": [{"name", "service", "severity": "critical|warning|info", "status": "firing|resolved", "summary",
"starts_at": RFC 3339, "labels": {...}, "id": optional stable identity, "link"}]}
"""

from datetime import datetime
from typing import Literal

import msgspec

from bot.adapters.monitoring._limits import seconds, within_limits
from bot.domain.alert import Alert, AlertSeverity, AlertStatus, fingerprint_of
from bot.domain.delivery import Delivery
from bot.domain.errors import Permanent
from bot.domain.source_facts import SourceFacts
from bot.ports import AlertParser

FACTS = SourceFacts(
    kind="generic",
    title="Generic JSON",
    about="For anything that can send an HTTP request. Unknown fields are refused with their name.",
    proofs=("bearer", "basic", "header", "url"),
    batches=True,
    setup="""\
curl -sS {url} -H 'Authorization: Bearer {token}' -H 'Content-Type: application/json' \\
  -d '{{"alerts": [{{"name": "TestAlert", "service": "checkout", "severity": "warning"}}]}}'
""",
    mapping=(
        ("`id`, else `name`, `service` and all labels", "fingerprint"),
        ("`name`", "name; needed"),
        ("`service`", "service; incidents are joined over services and their calls"),
        ("`severity`", "critical, warning (where it is missing) or info"),
        ("`status`", "firing (where it is missing) or resolved"),
        ("`summary`, `labels`, `link`", "the same"),
        ("`starts_at`", "start, RFC 3339; the time of arrival where it is missing"),
    ),
)


class _Item(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    service: str = ""
    severity: Literal["critical", "warning", "info"] = "warning"
    status: Literal["firing", "resolved"] = "firing"
    summary: str = ""
    starts_at: datetime | None = None
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    id: str = ""
    link: str = ""


class _Payload(msgspec.Struct, forbid_unknown_fields=True):
    alerts: list[_Item]


_DECODER = msgspec.json.Decoder(_Payload)


class Generic:
    """Reads our own documented format; a wrong or unknown field is named in the refusal."""

    name = FACTS.kind
    facts = FACTS

    def parse(self, body: bytes, *, source: str, received_at: float) -> Delivery:
        """Every alert in the body; raises Permanent naming the field that is wrong."""
        try:
            payload = _DECODER.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            message = f"not the generic alert format: {error}"
            raise Permanent(message) from error
        alerts = within_limits([_alert(item, source, received_at) for item in payload.alerts], body)
        return Delivery(alerts, note="" if alerts else "a call with no alert in it")


def build() -> AlertParser:
    """The parser of this file."""
    return Generic()


def _alert(item: _Item, source: str, received_at: float) -> Alert:
    labels = {**item.labels, "alertname": item.name, "service": item.service}
    identity = {"id": item.id} if item.id else labels
    return Alert(
        fingerprint=fingerprint_of(source, identity),
        source=source,
        name=item.name,
        status=AlertStatus(item.status),
        severity=AlertSeverity(item.severity),
        service=item.service,
        summary=item.summary,
        starts_at=seconds(item.starts_at) if item.starts_at else received_at,
        received_at=received_at,
        ends_at=received_at if item.status == "resolved" else None,
        labels=labels,
        link=item.link,
    )
