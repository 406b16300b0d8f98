"""Uptime Kuma's webhook notifications: one heartbeat of one monitor in each call."""

import msgspec

from bot.adapters.monitoring._frame import Arrival, Reader, Statement, When, alert, severity_of, unknown
from bot.domain.delivery import Delivery
from bot.domain.source_facts import SourceFacts
from bot.ports import AlertParser

FACTS = SourceFacts(
    kind="uptime_kuma",
    title="Uptime Kuma",
    about="A notification of type Webhook, request body application/json.",
    proofs=("bearer", "header", "basic", "url"),
    setup="""\
Settings > Notifications > Setup notification, type Webhook:
  Post URL             {url}
  Request body         application/json
  Additional headers   {{"Authorization": "Bearer {token}"}}
Its Test button is answered with a note. A tag `service` of a monitor names its service.
""",
    mapping=(
        ("`monitor.id`", "fingerprint"),
        ("`monitor.name` and is down", "name"),
        ("`heartbeat.status` 1 / 0", "resolved / firing"),
        ("tag `severity`; else critical", "severity"),
        ("tag `service`, else `monitor.name`", "service"),
        ("`heartbeat.msg`, `heartbeat.time`, `monitor.url`", "summary, start, link"),
        ("`heartbeat.status` 2 pending, 3 maintenance; no heartbeat", "a note"),
    ),
)


class _Tag(msgspec.Struct):
    name: str
    value: str | None = None


class _Monitor(msgspec.Struct):
    id: int
    name: str
    url: str | None = None
    hostname: str | None = None
    tags: list[_Tag] = msgspec.field(default_factory=list)


class _Heartbeat(msgspec.Struct):
    status: int
    time: When = None
    msg: str = ""


class _Payload(msgspec.Struct):
    msg: str
    heartbeat: _Heartbeat | None = None
    monitor: _Monitor | None = None


def build() -> AlertParser:
    """The parser of this file."""
    return Reader(FACTS, _Payload, _read)


def _read(payload: _Payload, arrival: Arrival) -> Delivery:
    beat, monitor = payload.heartbeat, payload.monitor
    if beat is None or monitor is None:
        return Delivery(note="the test of a notification; it opens nothing")
    if beat.status not in (0, 1):
        return Delivery(note="a monitor that is pending or in maintenance opens nothing")
    tags = {tag.name: tag.value or "" for tag in monitor.tags}
    found = alert(
        arrival,
        Statement(
            identity={"monitor": monitor.id},
            name=f"{monitor.name} is down",
            firing=beat.status == 0,
            severity=severity_of(tags.get("severity") or "critical"),
            service=tags.get("service") or monitor.name,
            summary=beat.msg or payload.msg,
            starts=beat.time,
            ends=beat.time,
            labels={**tags, "monitor": monitor.name, "host": monitor.hostname},
            kept={**unknown(arrival.raw["monitor"], _Monitor), **unknown(arrival.raw, _Payload)},
            link=monitor.url or "",
        ),
    )
    return Delivery([found])
