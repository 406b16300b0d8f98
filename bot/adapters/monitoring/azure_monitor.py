"""Azure Monitor's action groups, by the common alert schema: one alert in each call."""

import msgspec

from bot.adapters.monitoring._frame import Arrival, Reader, Statement, When, alert, flat, severity_of, unknown
from bot.domain.alert import AlertSeverity
from bot.domain.delivery import Delivery
from bot.domain.errors import Permanent
from bot.domain.source_facts import SourceFacts
from bot.ports import AlertParser

FACTS = SourceFacts(
    kind="azure_monitor",
    title="Azure Monitor",
    about="The webhook action of an action group, with the common alert schema. It can send no header, so the token "
    "stands in the address; keep that address out of tickets and screenshots.",
    proofs=("url", "basic"),
    setup="""\
Monitor > Alerts > Action groups > Actions > Webhook:
  URI                             {url}?token={token}
  Enable the common alert schema  Yes
"Test action group" is answered with a note.
""",
    mapping=(
        ("`essentials.alertId`", "fingerprint"),
        ("`essentials.alertRule`", "name"),
        ("`essentials.monitorCondition` Resolved / Fired", "resolved / firing"),
        ("`essentials.severity` Sev0, Sev1 / Sev2 / Sev3, Sev4", "critical / warning / info"),
        (
            "dimension `service`, `deployment` or `app`, else first of `configurationItems`, else the target's name",
            "service",
        ),
        ("`description`, `firedDateTime`, `resolvedDateTime`", "summary, times"),
        ("`alertContext`, `customProperties`, unknown fields", "labels"),
    ),
)
_SEVERITIES = {
    "sev0": AlertSeverity.CRITICAL,
    "sev1": AlertSeverity.CRITICAL,
    "sev2": AlertSeverity.WARNING,
    "sev3": AlertSeverity.INFO,
    "sev4": AlertSeverity.INFO,
}
_TEST_SUBSCRIPTION = "/subscriptions/11111111-1111-1111-1111-111111111111/"


class _Essentials(msgspec.Struct):
    alertId: str  # noqa: N815 - the sender's spelling
    alertRule: str = ""  # noqa: N815 - the sender's spelling
    severity: str = ""
    monitorCondition: str = "Fired"  # noqa: N815 - the sender's spelling
    alertTargetIDs: list[str] | str = ""  # noqa: N815 - the sender's spelling
    configurationItems: list[str] = msgspec.field(default_factory=list)  # noqa: N815 - the sender's spelling
    description: str | None = None
    firedDateTime: When = None  # noqa: N815 - the sender's spelling
    resolvedDateTime: When = None  # noqa: N815 - the sender's spelling
    investigationLink: str = ""  # noqa: N815 - the sender's spelling


class _Data(msgspec.Struct):
    essentials: _Essentials


class _Payload(msgspec.Struct):
    schemaId: str  # noqa: N815 - the sender's spelling
    data: _Data


def build() -> AlertParser:
    """The parser of this file."""
    return Reader(FACTS, _Payload, _read)


def _read(payload: _Payload, arrival: Arrival) -> Delivery:
    if payload.schemaId != "azureMonitorCommonAlertSchema":
        message = "not the common alert schema: switch it on in the action group"
        raise Permanent(message)
    said = payload.data.essentials
    if said.alertId.startswith(_TEST_SUBSCRIPTION):
        return Delivery(note="the test of an action group; it opens nothing")
    targets = [said.alertTargetIDs] if isinstance(said.alertTargetIDs, str) else said.alertTargetIDs
    context = arrival.raw["data"].get("alertContext")
    dimensions = _dimensions(context)
    named = next((dimensions[name] for name in ("service", "deployment", "app") if dimensions.get(name)), "")
    items = said.configurationItems or [target.rsplit("/", 1)[-1] for target in targets]
    found = alert(
        arrival,
        Statement(
            identity={"alert": said.alertId},
            name=said.alertRule,
            firing=said.monitorCondition != "Resolved",
            severity=severity_of(said.severity, _SEVERITIES),
            service=named or (items[0] if items else ""),
            summary=said.description or said.alertRule,
            starts=said.firedDateTime,
            ends=said.resolvedDateTime,
            labels={**dimensions, "target": ", ".join(targets[:5])},
            kept={**flat(context, "context"), **unknown(arrival.raw["data"]["essentials"], _Essentials)},
            link=said.investigationLink,
        ),
    )
    return Delivery([found])


def _dimensions(context: object) -> dict[str, str]:
    """The dimensions of a metric alert's conditions."""
    condition = context.get("condition") if isinstance(context, dict) else None
    parts = condition.get("allOf") if isinstance(condition, dict) else None
    pairs = [
        pair
        for part in (parts if isinstance(parts, list) else [])
        if isinstance(part, dict) and isinstance(part.get("dimensions"), list)
        for pair in part["dimensions"]
        if isinstance(pair, dict)
    ]
    return {str(pair["name"]): str(pair["value"]) for pair in pairs if "name" in pair and "value" in pair}
