"""Honeycomb's trigger webhooks: one trigger in each call, with the groups that crossed its threshold."""

from typing import Any

import msgspec

from bot.adapters.monitoring._frame import Arrival, Reader, Statement, alert, severity_of, text, unknown
from bot.domain.delivery import Delivery
from bot.domain.source_facts import SourceFacts
from bot.ports import AlertParser

FACTS = SourceFacts(
    kind="honeycomb",
    title="Honeycomb",
    about="A webhook recipient of triggers. Honeycomb sends the shared secret in a header.",
    proofs=("honeycomb",),
    setup="""\
Team settings > Integrations > Trigger & SLO recipients > Add > Webhook:
  Name            watchkeeper
  Webhook URL     {url}
  Shared secret   {token}
Then each trigger > Recipients > watchkeeper. The recipient's Test is answered with a note.
""",
    mapping=(
        ("`id`, else `name`, and each group that triggered", "fingerprint"),
        ("`name`", "name"),
        ("`status` OK / TRIGGERED", "resolved / firing"),
        ("`severity`; else warning", "severity"),
        ("group `service.name` or `service`", "service"),
        ("`summary`, else `description`; `result_url`", "summary; link"),
        ("`isTest`", "a note"),
    ),
)


class _Group(msgspec.Struct):
    Group: dict[str, Any] = msgspec.field(default_factory=dict)
    Result: float | int | str | None = None


class _Payload(msgspec.Struct):
    name: str
    status: str
    id: str = ""
    summary: str = ""
    description: str = ""
    severity: str = ""
    result_url: str = ""
    trigger_url: str = ""
    isTest: bool = False  # noqa: N815 - the sender's spelling
    shared_secret: str = ""
    result_groups_triggered: list[_Group] | None = None


def build() -> AlertParser:
    """The parser of this file."""
    return Reader(FACTS, _Payload, _read)


def _read(payload: _Payload, arrival: Arrival) -> Delivery:
    if payload.isTest:
        return Delivery(note="the test of a recipient; it opens nothing")
    kept = unknown(arrival.raw, _Payload)
    groups = payload.result_groups_triggered or [_Group()]
    return Delivery([alert(arrival, _said(payload, group, kept)) for group in groups])


def _said(payload: _Payload, group: _Group, kept: dict[str, str]) -> Statement:
    fields = {name: text(value) for name, value in group.Group.items() if not isinstance(value, dict | list)}
    return Statement(
        identity={"trigger": payload.id or payload.name, **{f"group.{key}": fields[key] for key in fields}},
        name=payload.name,
        firing=payload.status.upper() != "OK",
        severity=severity_of(payload.severity),
        summary=payload.summary or payload.description,
        labels={**fields, "result": group.Result},
        kept=kept,
        link=payload.result_url or payload.trigger_url,
    )
