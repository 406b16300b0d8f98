"""Promise 3: credentials can do no more than the catalogue. The shipped roles and policies, read by an oracle of its own.

Each permission that an action or a reader names is granted, each one that is granted is named by somebody, and every
operation of the services' own API models is tried against the policies. That a real API server and an account that
enforces its policies refuse the rest is tried in tests/contract; here is what the files say.
"""

import fnmatch
import itertools
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.session import get_session

from bot.domain.actions.table import ACTIONS
from bot.domain.reads import READS
from tests.e2e.command import ROOT
from tests.promises.conftest import Tally

_FILES: dict[str, tuple[str, ...]] = {
    "reader": ("kubernetes/reader-rbac.yaml",),
    "executor": (
        "kubernetes/executor-rbac.yaml",
        "kubernetes/executor-cluster-rbac.yaml",
        "kubernetes/executor-exec-rbac.yaml",
    ),
}
_READING = ("Describe", "Get", "List", "Lookup", "BatchGet")
_NEVER = (
    "iam",
    "organizations",
    "account",
    "billing",
    "budgets",
    "ce",
    "sts",
    "kms",
    "secretsmanager",
    "cloudtrail",
)
_SERVICES = {
    "ec2": "ec2", "ecs": "ecs", "rds": "rds", "ssm": "ssm", "lambda": "lambda", "s3": "s3", "autoscaling": "autoscaling",
    "elbv2": "elasticloadbalancing", "wafv2": "wafv2", "appconfig": "appconfig", "cloudwatch": "cloudwatch",
    **{name: name for name in _NEVER if name != "billing"},
}  # fmt: skip
_VERBS = (
    "get",
    "list",
    "watch",
    "create",
    "update",
    "patch",
    "delete",
    "deletecollection",
    "impersonate",
    "escalate",
    "bind",
)
_RESOURCES = (
    ("", "secrets"), ("", "pods"), ("", "pods/exec"), ("", "pods/attach"), ("", "pods/portforward"), ("", "nodes"),
    ("", "pods/eviction"), ("", "serviceaccounts/token"), ("", "configmaps"), ("", "namespaces"), ("", "nodes/proxy"),
    ("apps", "deployments"), ("apps", "daemonsets"), ("apps", "replicasets"), ("apps", "deployments/scale"),
    ("networking.k8s.io", "networkpolicies"), ("rbac.authorization.k8s.io", "roles"), ("batch", "jobs"),
    ("rbac.authorization.k8s.io", "clusterrolebindings"), ("certificates.k8s.io", "certificatesigningrequests"),
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations"), ("apiextensions.k8s.io", "customresourcedefinitions"),
)  # fmt: skip
_deploy = [ROOT / "deploy"]


def plant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Roles that somebody has made wider by hand."""
    rules, statements = _rules, _statements

    def wider(role: str) -> Iterator[dict[str, Any]]:
        yield from rules(role)
        yield {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}

    def looser(role: str) -> Iterator[dict[str, Any]]:
        yield from statements(role)
        yield {"Effect": "Allow", "Action": ["*"], "Resource": "*"}

    monkeypatch.setattr(sys.modules[__name__], "_rules", wider)
    monkeypatch.setattr(sys.modules[__name__], "_statements", looser)


def named(role: str) -> set[str]:
    """What the catalogue's actions, or the readers, say that they need."""
    if role == "executor":
        return {text for action in ACTIONS.values() for text in action.permissions}
    return {text for texts in READS.values() for text in texts}


def _rules(role: str) -> Iterator[dict[str, Any]]:
    for name in _FILES[role]:
        path = _deploy[0] / name
        for found in yaml.safe_load_all(path.read_text()) if path.exists() else ():
            if found["kind"] in ("Role", "ClusterRole"):
                yield from found["rules"]


def _statements(role: str) -> Iterator[dict[str, Any]]:
    path: Path = _deploy[0] / "aws" / f"{role}-policy.json"
    yield from json.loads(path.read_text())["Statement"]


def may_kube(role: str, group: str, resource: str, verb: str) -> bool:
    return any(
        {group, "*"} & set(rule["apiGroups"])
        and {resource, "*"} & set(rule["resources"])
        and {verb, "*"} & set(rule["verbs"])
        for rule in _rules(role)
    )


def may_aws(role: str, action: str) -> bool:
    found = [
        one["Effect"]
        for one in _statements(role)
        if any(_covers(pattern, action) for pattern in _actions(one))
    ]
    return "Allow" in found and not _denied_everywhere(role, action)


def _denied_everywhere(role: str, action: str) -> bool:
    return any(
        one["Effect"] == "Deny" and one.get("Resource") == "*" and "Condition" not in one
        for one in _statements(role)
        if any(_covers(pattern, action) for pattern in _actions(one))
    )


def _actions(statement: dict[str, Any]) -> list[str]:
    given = statement.get("Action", [])
    return [given] if isinstance(given, str) else list(given)


def _covers(pattern: str, action: str) -> bool:
    return fnmatch.fnmatchcase(action.lower(), pattern.lower())


@pytest.mark.parametrize("role", ["reader", "executor"])
def test_what_is_named_is_granted_and_what_is_granted_is_named(
    role: str, promise: Callable[[int], Tally]
) -> None:
    tally, wanted = promise(3), named(role)
    kube = {tuple(text.split(":")[1:]) for text in wanted if text.startswith(("k8s:", "k8s-wide:"))}
    for group, resource, verb in sorted(kube):
        tally.check(
            may_kube(role, group, resource, verb), f"{role}: {verb} {resource} is named and not granted"
        )
    for rule in _rules(role):
        for group, resource, verb in itertools.product(rule["apiGroups"], rule["resources"], rule["verbs"]):
            tally.check(
                (group, resource, verb) in kube, f"{role}: {verb} {group}/{resource} is granted to nobody"
            )
    aws = {text.removeprefix("iam:") for text in wanted if text.startswith("iam:")}
    for action in sorted(aws):
        tally.check(may_aws(role, action), f"{role}: {action} is named and not granted")
    for statement in _statements(role):
        if statement["Effect"] == "Allow":
            for action in _actions(statement):
                tally.check(action in aws, f"{role}: {action} is granted to nobody")


@pytest.mark.parametrize("role", ["reader", "executor"])
def test_nothing_else_is_allowed(role: str, promise: Callable[[int], Tally]) -> None:
    tally, wanted = promise(3), named(role)
    kube = {tuple(text.split(":")[1:]) for text in wanted if text.startswith(("k8s:", "k8s-wide:"))}
    for (group, resource), verb in itertools.product(_RESOURCES, _VERBS):
        allowed = may_kube(role, group, resource, verb)
        tally.check(
            allowed == ((group, resource, verb) in kube), f"{role} may {verb} {group}/{resource}: {allowed}"
        )
        if role == "reader":
            harmful = verb not in ("get", "list") or resource in ("secrets", "pods/exec", "pods/attach")
            tally.check(not (harmful and allowed), f"the reader may {verb} {resource}")
    session, aws = get_session(), {text.removeprefix("iam:") for text in wanted if text.startswith("iam:")}
    for model, prefix in sorted(_SERVICES.items()):
        for operation in session.get_service_model(model).operation_names:
            action = f"{prefix}:{operation}"
            allowed = may_aws(role, action)
            tally.check(not allowed or action in aws, f"{role} may {action}, which nothing needs")
            if allowed and (role == "reader" or prefix in _NEVER):
                tally.check(operation.startswith(_READING), f"{role} may {action}")
