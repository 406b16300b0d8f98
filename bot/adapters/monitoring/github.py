"""GitHub's webhooks: deployments and the workflows that deploy, as changes that an investigation weighs."""

import re
from typing import Any

import msgspec

from bot.adapters.monitoring._frame import Arrival, Reader, When, moment, text, web_link
from bot.domain.delivery import Delivery
from bot.domain.source_facts import SourceFacts
from bot.domain.telemetry import Change, ChangeKind
from bot.ports import AlertParser

FACTS = SourceFacts(
    kind="github",
    title="GitHub (changes)",
    about="A webhook of a repository or organisation. It opens nothing: what it tells are changes, which count as "
    "evidence in an investigation.",
    proofs=("github",),
    setup="""\
Repository or organisation > Settings > Webhooks > Add webhook:
  Payload URL    {url}
  Content type   application/json
  Secret         {token}
  Events         Deployment statuses, Workflow runs
A workflow counts as a change where its name says deploy, release, rollout, publish, promote or migrate.
The ping at the end of the set-up is answered with a note.
""",
    mapping=(
        ("`deployment_status` of state success, failure, error", "change of kind deploy"),
        ("`workflow_run` completed, of a workflow that deploys by its name", "change of kind deploy"),
        ("`deployment.payload.service`, else the repository's name", "service"),
        ("`sha`, `head_sha`, with the ref", "the state after"),
        ("`created_at`, `updated_at`; `creator`, `actor`; `target_url`, `html_url`", "time, actor, link"),
        ("any other event, and those in progress", "a note"),
    ),
)
_DEPLOYS = re.compile(r"(?i)(deploy|release|rollout|publish|promote|migrat)")
_ENDED = frozenset({"success", "failure", "error"})
_SHA = 12


class _User(msgspec.Struct):
    login: str = ""


class _Repository(msgspec.Struct):
    name: str
    full_name: str = ""


class _Deployment(msgspec.Struct):
    sha: str
    ref: str = ""
    environment: str = ""
    payload: dict[str, Any] | str | None = None


class _Status(msgspec.Struct):
    state: str
    created_at: When = None
    creator: _User | None = None
    target_url: str | None = None
    log_url: str | None = None


class _Run(msgspec.Struct):
    name: str | None
    head_sha: str
    head_branch: str | None = None
    conclusion: str | None = None
    updated_at: When = None
    actor: _User | None = None
    html_url: str = ""


class _Payload(msgspec.Struct):
    action: str = ""
    zen: str = ""
    repository: _Repository | None = None
    deployment: _Deployment | None = None
    deployment_status: _Status | None = None
    workflow_run: _Run | None = None


def build() -> AlertParser:
    """The parser of this file."""
    return Reader(FACTS, _Payload, _read)


def _read(payload: _Payload, arrival: Arrival) -> Delivery:
    repository = payload.repository
    if payload.zen:
        return Delivery(note="GitHub's ping; deployments and workflow runs will be taken as changes")
    if repository and payload.deployment and payload.deployment_status:
        return _of_deployment(repository, payload.deployment, payload.deployment_status, arrival)
    if repository and payload.workflow_run:
        return _of_run(repository, payload.workflow_run, payload.action, arrival)
    return Delivery(note="an event that is neither a deployment's status nor a workflow's run")


def _of_deployment(
    repository: _Repository, deployment: _Deployment, status: _Status, arrival: Arrival
) -> Delivery:
    if status.state not in _ENDED:
        return Delivery(note=f"a deployment that is {status.state[:30]} changed nothing yet")
    given = deployment.payload if isinstance(deployment.payload, dict) else {}
    how = "deployed" if status.state == "success" else "deployment failed"
    change = Change(
        service=text(given.get("service")) or repository.name,
        kind=ChangeKind.DEPLOY,
        at=moment(status.created_at, arrival.received_at),
        title=f"{repository.name} {how} to {deployment.environment or 'an environment'}, {deployment.ref}",
        before="",
        after=deployment.sha[:_SHA],
        actor=status.creator.login if status.creator else "",
        link=web_link(status.target_url or status.log_url or ""),
    )
    return Delivery(changes=[change])


def _of_run(repository: _Repository, run: _Run, action: str, arrival: Arrival) -> Delivery:
    name = run.name or ""
    if action != "completed" or run.conclusion not in ("success", "failure"):
        return Delivery(note="a workflow's run that has not ended by itself changed nothing yet")
    if not _DEPLOYS.search(name):
        return Delivery(note="a workflow that deploys nothing by its name")
    change = Change(
        service=repository.name,
        kind=ChangeKind.DEPLOY,
        at=moment(run.updated_at, arrival.received_at),
        title=f"workflow {name} of {repository.name} ended with {run.conclusion}, {run.head_branch or ''}",
        before="",
        after=run.head_sha[:_SHA],
        actor=run.actor.login if run.actor else "",
        link=web_link(run.html_url),
    )
    return Delivery(changes=[change])
