"""Grafana Alerting's webhook: a group of alert instances in each call, much like Alertmanager's, with links of its own."""

import msgspec

from bot.adapters.monitoring._frame import Arrival, Reader, Statement, When, alert, severity_of, unknown
from bot.domain.alert import Alert
from bot.domain.delivery import Delivery
from bot.domain.source_facts import SourceFacts
from bot.ports import AlertParser

FACTS = SourceFacts(
    kind="grafana",
    title="Grafana Alerting",
    about="The webhook contact point of Grafana Alerting: a group of alert instances in each call.",
    proofs=("bearer", "grafana", "basic"),
    batches=True,
    setup="""\
Alerting > Contact points > Add contact point, integration Webhook:
  URL                                  {url}
  HTTP method                          POST
  Authorization header scheme          Bearer
  Authorization header credentials     {token}
or, from Grafana 12 on, with a signature instead (in the settings "proof": "grafana"):
  HMAC signature secret                {token}
  HMAC signature timestamp header      X-Grafana-Alerting-Signature-Timestamp
Then Notification policies > Default policy > Contact point: the new one. Its Test button is answered with a note.
""",
    mapping=(
        ("all labels", "fingerprint"),
        ("label `alertname`", "name"),
        ("label `service`, `app`, `application`, `deployment` or `job`", "service"),
        ("label `severity`; else warning", "severity"),
        ("annotation `summary`, else `description`", "summary"),
        ("`startsAt`, `endsAt`", "times; the time of arrival where they are missing"),
        ("`panelURL`, else `dashboardURL`, else `generatorURL`", "link"),
        ("`values`, annotations, unknown fields", "labels"),
    ),
)
_NO_END = "0001-01-01"


class _Item(msgspec.Struct):
    status: str
    labels: dict[str, str]
    startsAt: When = None  # noqa: N815 - the sender's spelling
    endsAt: When = None  # noqa: N815 - the sender's spelling
    annotations: dict[str, str] = msgspec.field(default_factory=dict)
    generatorURL: str = ""  # noqa: N815 - the sender's spelling
    dashboardURL: str = ""  # noqa: N815 - the sender's spelling
    panelURL: str = ""  # noqa: N815 - the sender's spelling
    fingerprint: str = ""


class _Payload(msgspec.Struct):
    alerts: list[_Item]
    receiver: str = ""


def build() -> AlertParser:
    """The parser of this file."""
    return Reader(FACTS, _Payload, _read)


def _read(payload: _Payload, arrival: Arrival) -> Delivery:
    pairs = list(zip(payload.alerts, arrival.raw["alerts"], strict=True))
    real = [pair for pair in pairs if not _is_test(pair[0])]
    if pairs and not real:
        return Delivery(note="the test of a contact point; it opens nothing")
    return Delivery([_alert(item, unknown(raw, _Item), arrival) for item, raw in real])


def _is_test(item: _Item) -> bool:
    """What the Test button of a contact point sends."""
    return item.labels.get("alertname") == "TestAlert" and item.labels.get("instance") == "Grafana"


def _alert(item: _Item, kept: dict[str, str], arrival: Arrival) -> Alert:
    ended = item.endsAt
    return alert(
        arrival,
        Statement(
            identity=item.labels,
            name=item.labels.get("alertname", ""),
            firing=item.status != "resolved",
            severity=severity_of(item.labels.get("severity")),
            summary=item.annotations.get("summary") or item.annotations.get("description", ""),
            starts=item.startsAt,
            ends=None if isinstance(ended, str) and ended.startswith(_NO_END) else ended,
            labels={**item.labels, "runbook_url": item.annotations.get("runbook_url")},
            kept=kept,
            link=item.panelURL or item.dashboardURL or item.generatorURL,
        ),
    )
