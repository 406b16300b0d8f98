"""Kubernetes events, as kubernetes-event-exporter sends them: warnings are alerts, the rest is noted. Events have no end."""

import re
from collections.abc import Mapping

import msgspec

from bot.adapters.monitoring._frame import Arrival, Reader, Statement, When, alert, unknown
from bot.domain.alert import AlertSeverity
from bot.domain.delivery import Delivery
from bot.domain.source_facts import SourceFacts
from bot.ports import AlertParser

FACTS = SourceFacts(
    kind="kubernetes_events",
    title="Kubernetes events",
    about="Warning events, by the webhook receiver of kubernetes-event-exporter. An event has no end: the incident "
    "is closed by whoever works on it, or by the alerts that it holds besides.",
    proofs=("bearer", "header", "basic"),
    setup="""\
# kubernetes-event-exporter, config.yaml
route:
  routes:
    - match:
        - {{type: Warning, receiver: watchkeeper}}
receivers:
  - name: watchkeeper
    webhook:
      endpoint: {url}
      headers:
        Authorization: Bearer {token}
        Content-Type: application/json
""",
    mapping=(
        ("kind, namespace, name of the object, and `reason`", "fingerprint"),
        ("`reason`", "name"),
        ("`type` Warning / Normal", "firing / a note"),
        ("`reason` of a kill, a failed mount or an unready node / else", "critical / warning"),
        (
            "the object's label `service`, `app` or `app.kubernetes.io/name`, else its name without the hashes",
            "service",
        ),
        ("`message`, `firstTimestamp` or `eventTime`", "summary, start"),
        ("namespace, object, host, count, unknown fields", "labels"),
    ),
)
_CRITICAL = frozenset(
    {"OOMKilling", "SystemOOM", "NodeNotReady", "FailedMount", "FailedAttachVolume", "Evicted", "BackOff"}
)
# Kubernetes draws the ends of names from this alphabet, which has no vowels, so that no word comes out.
_DRAWN = "[bcdfghjklmnpqrstvwxz2456789]"
_OF_POD = re.compile(rf"^(.+?)-{_DRAWN}{{6,10}}-{_DRAWN}{{5}}$")
_OF_SET = re.compile(rf"^(.+?)-(?:\d{{1,8}}|{_DRAWN}{{6,10}}|{_DRAWN}{{5}})$")
_LABELS = ("service", "app", "app.kubernetes.io/name")


class _Object(msgspec.Struct):
    kind: str
    name: str
    namespace: str = ""
    labels: dict[str, str] | None = None


class _Source(msgspec.Struct):
    component: str = ""
    host: str = ""


class _Payload(msgspec.Struct):
    reason: str
    type: str
    involvedObject: _Object  # noqa: N815 - the sender's spelling
    message: str = ""
    source: _Source = msgspec.field(default_factory=_Source)
    firstTimestamp: When = None  # noqa: N815 - the sender's spelling
    eventTime: When = None  # noqa: N815 - the sender's spelling
    count: int = 1
    clusterName: str = ""  # noqa: N815 - the sender's spelling


def build() -> AlertParser:
    """The parser of this file."""
    return Reader(FACTS, _Payload, _read)


def _read(payload: _Payload, arrival: Arrival) -> Delivery:
    if payload.type != "Warning":
        return Delivery(note=f"an event of type {payload.type[:20]} is no alert")
    on = payload.involvedObject
    where = {"kind": on.kind, "namespace": on.namespace, "name": on.name, "cluster": payload.clusterName}
    found = alert(
        arrival,
        Statement(
            identity={**where, "reason": payload.reason},
            name=payload.reason,
            severity=AlertSeverity.CRITICAL if payload.reason in _CRITICAL else AlertSeverity.WARNING,
            service=_service(on, on.labels or {}),
            summary=payload.message,
            starts=payload.firstTimestamp or payload.eventTime,
            labels={
                "cluster": payload.clusterName,
                "namespace": on.namespace,
                on.kind.lower() or "object": on.name,
                "node": payload.source.host,
                "count": payload.count,
            },
            kept=unknown(arrival.raw, _Payload),
        ),
    )
    return Delivery([found])


def _service(on: _Object, labels: Mapping[str, str]) -> str:
    named = next((labels[name] for name in _LABELS if labels.get(name)), "")
    if named or on.kind == "Node":
        return named or on.name
    found = (_OF_POD.match(on.name) if on.kind == "Pod" else None) or (
        _OF_SET.match(on.name) if on.kind in ("Pod", "ReplicaSet", "Job") else None
    )
    return found.group(1) if found else on.name
