"""Sentry's integration platform webhooks: issue alerts, metric alerts and issues. What errors say is anybody's text."""

from typing import Any
from urllib.parse import urlsplit

import msgspec

from bot.adapters.monitoring._frame import Arrival, Reader, Statement, When, alert, severity_of, unknown
from bot.domain.alert import AlertSeverity
from bot.domain.delivery import Delivery
from bot.domain.source_facts import SourceFacts
from bot.domain.trust import Trust
from bot.ports import AlertParser

FACTS = SourceFacts(
    kind="sentry",
    title="Sentry",
    about="An internal integration of Sentry: issue alerts, metric alerts, and issues that are resolved.",
    proofs=("sentry",),
    trust=Trust.PUBLIC,
    setup="""\
Settings > Developer Settings > Create New Integration > Internal Integration:
  Webhook URL        {url}
  Alert Rule Action  on
  Webhooks           issue
Its Client Secret is this source's token ({token}). Then, in each alert rule: "Send a notification via" the integration.
""",
    mapping=(
        ("the issue's id, or the metric alert rule's id", "fingerprint"),
        ("the issue's or the rule's title", "name"),
        (
            "`action` resolved, ignored, archived / created, triggered, unresolved, critical, warning",
            "resolved / firing",
        ),
        ("`level` fatal, error; action critical / info, debug / else", "critical / info / warning"),
        ("tag `service`, else the project's slug", "service"),
        ("`culprit` or `description_text`; `web_url`, `permalink`", "summary; link"),
        ("all words", "public text, since errors hold what visitors sent"),
    ),
)
_RESOLVED = frozenset({"resolved", "ignored", "archived"})
_FIRING = frozenset({"triggered", "created", "unresolved", "critical", "warning", "regression", "escalating"})


class _Project(msgspec.Struct):
    slug: str = ""


class _Issue(msgspec.Struct):
    id: str
    title: str = ""
    level: str = ""
    culprit: str | None = None
    project: _Project = msgspec.field(default_factory=_Project)
    firstSeen: When = None  # noqa: N815 - the sender's spelling
    permalink: str | None = None
    web_url: str | None = None


class _Event(msgspec.Struct):
    issue_id: str
    title: str = ""
    level: str = ""
    culprit: str | None = None
    datetime: When = None
    url: str = ""
    web_url: str | None = None
    tags: list[Any] = msgspec.field(default_factory=list)


class _Rule(msgspec.Struct):
    id: str | int = ""
    name: str = ""


class _Metric(msgspec.Struct):
    id: str | int
    alert_rule: _Rule = msgspec.field(default_factory=_Rule)
    title: str = ""
    date_started: When = None
    date_closed: When = None
    projects: list[str] = msgspec.field(default_factory=list)


class _Data(msgspec.Struct):
    issue: _Issue | None = None
    event: _Event | None = None
    metric_alert: _Metric | None = None
    description_text: str = ""
    description_title: str = ""
    web_url: str | None = None
    triggered_rule: str = ""


class _Payload(msgspec.Struct):
    action: str
    data: _Data


def build() -> AlertParser:
    """The parser of this file."""
    return Reader(FACTS, _Payload, _read)


def _read(payload: _Payload, arrival: Arrival) -> Delivery:
    data, raw = payload.data, arrival.raw["data"]
    if payload.action not in _RESOLVED | _FIRING:
        return Delivery(note=f"the action {payload.action[:40]} says nothing about an alert's state")
    firing = payload.action in _FIRING
    if data.event is not None:
        said = _of_event(data.event, data, unknown(raw["event"], _Event))
    elif data.metric_alert is not None:
        said = _of_metric(data.metric_alert, data, payload.action, unknown(raw["metric_alert"], _Metric))
    elif data.issue is not None:
        said = _of_issue(data.issue, firing=firing, kept=unknown(raw["issue"], _Issue))
    else:
        return Delivery(note="a webhook of Sentry with neither an issue nor an alert in it")
    return Delivery([alert(arrival, said)])


def _of_event(event: _Event, data: _Data, kept: dict[str, str]) -> Statement:
    tags = {str(pair[0]): str(pair[1]) for pair in event.tags if isinstance(pair, list) and len(pair) == 2}
    parts = urlsplit(event.url).path.split("/")
    project = parts[parts.index("projects") + 2] if "projects" in parts[:-2] else ""
    return Statement(
        identity={"issue": event.issue_id},
        name=event.title,
        severity=severity_of(event.level),
        service=tags.get("service") or project,
        summary=event.culprit or event.title,
        starts=event.datetime,
        labels={**tags, "project": project, "rule": data.triggered_rule, "issue": event.issue_id},
        kept=kept,
        link=event.web_url or "",
    )


def _of_metric(metric: _Metric, data: _Data, action: str, kept: dict[str, str]) -> Statement:
    words = {"critical": AlertSeverity.CRITICAL}
    return Statement(
        identity={"metric_alert_rule": metric.alert_rule.id or metric.id},
        name=metric.alert_rule.name or metric.title or data.description_title,
        firing=action not in _RESOLVED,
        severity=words.get(action, AlertSeverity.WARNING),
        service=metric.projects[0] if metric.projects else "",
        summary=data.description_text,
        starts=metric.date_started,
        ends=metric.date_closed,
        labels={"projects": ", ".join(metric.projects)},
        kept=kept,
        link=data.web_url or "",
    )


def _of_issue(issue: _Issue, *, firing: bool, kept: dict[str, str]) -> Statement:
    return Statement(
        identity={"issue": issue.id},
        name=issue.title,
        firing=firing,
        severity=severity_of(issue.level),
        service=issue.project.slug,
        summary=issue.culprit or issue.title,
        starts=issue.firstSeen if firing else None,
        labels={"project": issue.project.slug, "issue": issue.id},
        kept=kept,
        link=issue.web_url or issue.permalink or "",
    )
