"""Zabbix, by a webhook media type whose script is ours: docs/sources/zabbix.md has its few lines."""

import json

import msgspec

from bot.adapters.monitoring._frame import Arrival, Reader, Statement, alert, severity_of, text, unknown
from bot.domain.alert import AlertSeverity
from bot.domain.delivery import Delivery
from bot.domain.source_facts import SourceFacts
from bot.ports import AlertParser

FACTS = SourceFacts(
    kind="zabbix",
    title="Zabbix",
    about="A media type of type Webhook; its script sends the parameters as they are.",
    proofs=("header", "bearer", "basic"),
    setup="""\
Alerts > Media types > Create, type Webhook. Parameters (name, value):
  url {url}    token {token}
  event_id {{EVENT.ID}}          trigger_id {{TRIGGER.ID}}      host {{HOST.NAME}}       name {{EVENT.NAME}}
  severity {{EVENT.SEVERITY}}    value {{EVENT.VALUE}}          at {{EVENT.TIMESTAMP}}   opdata {{EVENT.OPDATA}}
  tags {{EVENT.TAGSJSON}}        link {{TRIGGER.URL}}
Script:
  var p = JSON.parse(value), r = new HttpRequest(), url = p.url, token = p.token;
  delete p.url; delete p.token;
  r.addHeader('Content-Type: application/json');
  r.addHeader('X-Watchkeeper-Token: ' + token);
  var answer = r.post(url, JSON.stringify(p));
  if (r.getStatus() !== 200) throw answer;
  return 'OK';
Its tab Message templates: add Problem and Problem recovery as they are offered; without them Zabbix sends nothing.
Users > Users, one who may read the hosts > Media > Add: this type, send to "watchkeeper".
Alerts > Actions > Trigger actions > Create: operation "Send to users": that one, only by this type; the same as recovery
operation. The media type's Test is answered with a note.
""",
    mapping=(
        ("`trigger_id` and `host`", "fingerprint"),
        ("`name`", "name"),
        ("`value` 0 / 1", "resolved / firing"),
        (
            "`severity` Disaster, High / Average, Warning / Information, Not classified",
            "critical / warning / info",
        ),
        ("tag `service`, else `application`, else `host`", "service"),
        ("`opdata`, `at`, `link`, every tag", "summary, start, link, labels"),
    ),
)
_SEVERITIES = {
    "average": AlertSeverity.WARNING,
    "not classified": AlertSeverity.INFO,
}


class _Tag(msgspec.Struct):
    tag: str
    value: str = ""


class _Payload(msgspec.Struct):
    trigger_id: str
    name: str
    value: str
    host: str = ""
    severity: str = ""
    event_id: str = ""
    at: str = ""
    opdata: str = ""
    tags: str | list[_Tag] = ""
    link: str = ""


def build() -> AlertParser:
    """The parser of this file."""
    return Reader(FACTS, _Payload, _read)


def _read(payload: _Payload, arrival: Arrival) -> Delivery:
    if payload.trigger_id.startswith("{"):
        return Delivery(note="the test of a media type, with macros that are not filled in; it opens nothing")
    tags = _tags(payload.tags)
    found = alert(
        arrival,
        Statement(
            identity={"trigger": payload.trigger_id, "host": payload.host},
            name=payload.name,
            firing=payload.value != "0",
            severity=severity_of(payload.severity, _SEVERITIES),
            service=tags.get("service") or tags.get("application") or payload.host,
            summary=payload.opdata or payload.name,
            starts=payload.at,
            labels={**tags, "host": payload.host, "event_id": payload.event_id},
            kept=unknown(arrival.raw, _Payload),
            link=payload.link,
        ),
    )
    return Delivery([found])


def _tags(given: str | list[_Tag]) -> dict[str, str]:
    """The macro gives JSON inside a string; what cannot be read there is kept as one label."""
    if not isinstance(given, str):
        return {one.tag: one.value for one in given}
    try:
        listed = json.loads(given) if given else []
    except (ValueError, RecursionError):
        return {"tags": given}
    pairs = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return {text(one.get("tag")): text(one.get("value")) for one in pairs if one.get("tag")}
