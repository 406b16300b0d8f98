"""Argo CD's notifications, by a webhook template of ours: syncs as changes, health as alerts."""

import msgspec

from bot.adapters.monitoring._frame import Arrival, Reader, Statement, When, alert, moment, unknown, web_link
from bot.domain.alert import AlertSeverity
from bot.domain.delivery import Delivery
from bot.domain.source_facts import SourceFacts
from bot.domain.telemetry import Change, ChangeKind
from bot.ports import AlertParser

FACTS = SourceFacts(
    kind="argocd",
    title="Argo CD",
    about="The notifications controller. A sync that ended is a change; health Degraded is an alert, Healthy its end.",
    proofs=("bearer", "header", "basic"),
    setup="""\
kubectl -n argocd edit configmap argocd-notifications-cm
  service.webhook.watchkeeper: |
    url: {url}
    headers: [{{name: Authorization, value: Bearer $watchkeeper-token}}, {{name: Content-Type, value: application/json}}]
  template.watchkeeper: |
    webhook:
      watchkeeper:
        method: POST
        body: |
          {{"told": "sync", "app": {{{{.app.metadata.name | default "" | toJson}}}}, "namespace": {{{{.app.spec.destination.namespace | default "" | toJson}}}},
           "phase": {{{{.app.status.operationState.phase | default "" | toJson}}}},
           "revision": {{{{.app.status.sync.revision | default "" | toJson}}}},
           "finished_at": {{{{.app.status.operationState.finishedAt | default "" | toJson}}}},
           "by": {{{{.app.status.operationState.operation.initiatedBy.username | default "" | toJson}}}},
           "message": {{{{.app.status.operationState.message | default "" | toJson}}}},
           "url": "{{{{.context.argocdUrl}}}}/applications/{{{{.app.metadata.name}}}}"}}
  template.watchkeeper-health: |
    webhook:
      watchkeeper:
        method: POST
        body: |
          {{"told": "health", "app": {{{{.app.metadata.name | default "" | toJson}}}}, "namespace": {{{{.app.spec.destination.namespace | default "" | toJson}}}},
           "health": {{{{.app.status.health.status | default "" | toJson}}}}, "message": {{{{.app.status.health.message | default "" | toJson}}}},
           "url": "{{{{.context.argocdUrl}}}}/applications/{{{{.app.metadata.name}}}}"}}
  trigger.watchkeeper: |
    - {{when: app.status.operationState != nil and app.status.operationState.phase in ['Succeeded', 'Error', 'Failed'], send: [watchkeeper], oncePer: app.status.operationState.finishedAt}}
    - {{when: app.status.health.status in ['Degraded', 'Healthy'], send: [watchkeeper-health]}}
The key watchkeeper-token of the Secret argocd-notifications-secret is {token}. Subscribe the applications:
  notifications.argoproj.io/subscribe.watchkeeper.watchkeeper: ""
""",
    mapping=(
        ("`told` sync, with `phase` Succeeded, Failed, Error", "change of kind deploy"),
        ("`told` health, with `health` Degraded / Healthy", "firing / resolved, critical"),
        ("`app`", "fingerprint and service"),
        ("`revision`, `finished_at`, `by`, `url`", "the state after, time, actor, link"),
        ("anything else", "a note"),
    ),
)
_ENDED = {"Succeeded": "synced", "Failed": "sync failed", "Error": "sync failed"}


class _Payload(msgspec.Struct):
    app: str
    told: str
    namespace: str = ""
    health: str = ""
    phase: str = ""
    revision: str = ""
    finished_at: When = None
    by: str = ""
    message: str = ""
    url: str = ""


def build() -> AlertParser:
    """The parser of this file."""
    return Reader(FACTS, _Payload, _read)


def _read(payload: _Payload, arrival: Arrival) -> Delivery:
    if payload.told == "sync" and payload.phase in _ENDED:
        change = Change(
            service=payload.app,
            kind=ChangeKind.DEPLOY,
            at=moment(payload.finished_at, arrival.received_at),
            title=f"Argo CD: {payload.app} {_ENDED[payload.phase]} to {payload.revision[:12]}",
            before="",
            after=payload.revision[:12],
            actor=payload.by,
            link=web_link(payload.url),
        )
        return Delivery(changes=[change])
    if payload.told != "health" or payload.health not in ("Degraded", "Healthy"):
        return Delivery(note="neither a sync that ended nor a health of Degraded or Healthy")
    found = alert(
        arrival,
        Statement(
            identity={"app": payload.app},
            name="ApplicationDegraded",
            firing=payload.health == "Degraded",
            severity=AlertSeverity.CRITICAL,
            service=payload.app,
            summary=payload.message or f"the health of {payload.app} is {payload.health}",
            labels={"namespace": payload.namespace, "revision": payload.revision},
            kept=unknown(arrival.raw, _Payload),
            link=payload.url,
        ),
    )
    return Delivery([found])
