"""Falco's rules, by its http_output or by Falcosidekick: one event in each call. A rule that fired has no end."""

import msgspec

from bot.adapters.monitoring._frame import (
    Arrival,
    Reader,
    Statement,
    When,
    alert,
    flat,
    severity_of,
    text,
    unknown,
)
from bot.domain.delivery import Delivery
from bot.domain.source_facts import SourceFacts
from bot.ports import AlertParser

FACTS = SourceFacts(
    kind="falco",
    title="Falco",
    about="Falco's own http_output, or Falcosidekick's webhook. What a rule saw has no end, so the incident is closed "
    "by whoever works on it.",
    proofs=("url", "bearer", "header"),
    setup="""\
Falcosidekick (in the settings "proof": "header"):
  webhook:
    address: {url}
    customHeaders: {{X-Watchkeeper-Token: {token}}}
    minimumpriority: warning
  (as environment: WEBHOOK_ADDRESS, WEBHOOK_CUSTOMHEADERS=X-Watchkeeper-Token:{token}, WEBHOOK_MINIMUMPRIORITY)
Falco itself can send no header, so there the token stands in the address (falco.yaml):
  json_output: true
  http_output: {{enabled: true, url: "{url}?token={token}"}}
Falcosidekick's /test is answered with a note.
""",
    mapping=(
        ("`rule` and container, pod or host", "fingerprint"),
        ("`rule`", "name"),
        ("`priority` Emergency to Error / Warning / Notice and below", "critical / warning / info"),
        ("`k8s.deployment.name`, `k8s.rs.name` without its hash, `container.name`, else the host", "service"),
        ("`output`, `time`", "summary, start"),
        ("`output_fields`, `tags`, unknown fields", "labels"),
    ),
)


class _Payload(msgspec.Struct):
    rule: str
    priority: str
    output: str = ""
    time: When = None
    hostname: str = ""
    output_fields: dict[str, str | int | float | bool | None] = msgspec.field(default_factory=dict)
    tags: list[str] | None = None


def build() -> AlertParser:
    """The parser of this file."""
    return Reader(FACTS, _Payload, _read)


def _read(payload: _Payload, arrival: Arrival) -> Delivery:
    if payload.rule.strip().lower() == "test rule":
        return Delivery(note="Falcosidekick's test; it opens nothing")
    fields = {name: text(value) for name, value in payload.output_fields.items()}
    pod, container = fields.get("k8s.pod.name", ""), fields.get("container.id", "")
    own = fields.get("k8s.deployment.name") or fields.get("k8s.rs.name", "").rpartition("-")[0]
    found = alert(
        arrival,
        Statement(
            identity={"rule": payload.rule, "on": pod or container or payload.hostname},
            name=payload.rule,
            severity=severity_of(payload.priority),
            service=own or fields.get("container.name", "") or payload.hostname,
            summary=payload.output,
            starts=payload.time,
            labels={
                "host": payload.hostname,
                "pod": pod,
                "namespace": fields.get("k8s.ns.name"),
                "container": container,
                "tags": ", ".join(payload.tags or ()),
            },
            kept={**flat(payload.output_fields), **unknown(arrival.raw, _Payload)},
        ),
    )
    return Delivery([found])
