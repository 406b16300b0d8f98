"""Datadog's webhooks. The payload is a template of the receiver, so this one is ours; docs/sources/datadog.md has it."""

import msgspec

from bot.adapters.monitoring._frame import Arrival, Reader, Statement, When, alert, severity_of, unknown
from bot.domain.delivery import Delivery
from bot.domain.source_facts import SourceFacts
from bot.ports import AlertParser

FACTS = SourceFacts(
    kind="datadog",
    title="Datadog",
    about="Datadog's Webhooks integration. It signs nothing, so it shows a token in a header of its own.",
    proofs=("header", "bearer", "basic"),
    setup="""\
Integrations > Webhooks > New: name watchkeeper, URL {url}, then
  Custom Headers   {{"X-Watchkeeper-Token": "{token}"}}
  Encode as form   no
  Payload          {{"id": "$ID", "alert_id": "$ALERT_ID", "scope": "$ALERT_SCOPE", "transition": "$ALERT_TRANSITION",
                    "title": "$EVENT_TITLE", "monitor": "$ALERT_TITLE", "body": "$TEXT_ONLY_MSG", "date": "$DATE",
                    "priority": "$ALERT_PRIORITY", "type": "$ALERT_TYPE", "tags": "$TAGS", "host": "$HOSTNAME",
                    "metric": "$ALERT_METRIC", "link": "$LINK"}}
and @webhook-watchkeeper in the message of each monitor. "Test Notifications" is answered with a note.
""",
    mapping=(
        ("`alert_id` and `scope`", "fingerprint"),
        ("`monitor`, else `title`", "name"),
        ("`transition` Recovered, Warn Recovered, No Data Recovered / any other", "resolved / firing"),
        ("`priority` P1, P2 / P4, P5, else `type` error / info", "critical / info; else warning"),
        ("tag `service:`, else `app:`", "service"),
        ("`body`, `date`, `link`; `host`, `metric`, every tag", "summary, start, link; labels"),
        ("`id` and `transition`", "taken once"),
    ),
)


class _Payload(msgspec.Struct):
    id: str
    alert_id: str
    transition: str
    title: str = ""
    monitor: str = ""
    scope: str = ""
    body: str = ""
    date: When = None
    priority: str = ""
    type: str = ""
    tags: str = ""
    host: str = ""
    metric: str = ""
    link: str = ""


def build() -> AlertParser:
    """The parser of this file."""
    return Reader(FACTS, _Payload, _read)


def _read(payload: _Payload, arrival: Arrival) -> Delivery:
    once = f"{payload.id}:{payload.transition}"
    if "[TEST]" in payload.title:
        return Delivery(note="a monitor's test notification; it opens nothing", once=once)
    tags = dict(tag.strip().split(":", 1) for tag in payload.tags.split(",") if ":" in tag)
    plain_priority = payload.priority if payload.priority[:1] == "P" else ""
    found = alert(
        arrival,
        Statement(
            identity={"monitor": payload.alert_id, "scope": payload.scope},
            name=payload.monitor or payload.title,
            firing="recovered" not in payload.transition.lower(),
            severity=severity_of(plain_priority or payload.type),
            summary=payload.body,
            starts=payload.date,
            ends=payload.date,
            labels={**tags, "host": payload.host, "metric": payload.metric, "scope": payload.scope},
            kept=unknown(arrival.raw, _Payload),
            link=payload.link,
        ),
    )
    return Delivery([found], once=once)
