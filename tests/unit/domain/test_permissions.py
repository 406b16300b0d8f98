"""The shipped roles and policies are what the tables say, both ways, and hold nothing that nobody asked for."""

import json
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.cli.permissions import generated
from bot.domain.actions.table import ACTIONS
from bot.domain.errors import Permanent
from bot.domain.permissions import (
    APART,
    EXECUTOR,
    HELD,
    READER,
    AwsPermission,
    JmxPermission,
    KubePermission,
    SqlPermission,
    aws_permissions,
    kube_permissions,
    permission_of,
)
from bot.domain.permissions_aws import NEVER, SCOPES, Place
from bot.domain.permissions_kubernetes import is_wide
from bot.domain.permissions_postgresql import FUNCTIONS, functions_of
from bot.domain.reads import READS

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"


def shipped_rules(*files: str) -> set[KubePermission]:
    """What the roles in these files allow."""
    objects = [
        one for name in files for one in yaml.safe_load_all((DEPLOY / "kubernetes" / name).read_text())
    ]
    return {
        KubePermission(
            group, resource, verb, wide=one["kind"] == "ClusterRole" and not without_namespace(resource)
        )
        for one in objects
        if one["kind"] in ("Role", "ClusterRole")
        for rule in one["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def without_namespace(resource: str) -> bool:
    return is_wide(KubePermission("", resource, "get"))


def statements(name: str, effect: str = "Allow") -> list[dict[str, Any]]:
    """The statements of a shipped policy."""
    document = json.loads((DEPLOY / "aws" / name).read_text())
    return [one for one in document["Statement"] if one["Effect"] == effect]


def shipped_actions(name: str) -> set[str]:
    """What a policy allows, as texts."""
    return {action for one in statements(name) for action in one["Action"]}


def test_the_shipped_files_are_the_generators_output() -> None:
    wanted = generated(Place())
    found = {path.relative_to(DEPLOY).as_posix() for path in DEPLOY.glob("*/*")} - {
        "kubernetes/kustomization.yaml"
    }
    assert {name for name in found if name.startswith(("kubernetes/", "aws/", "postgresql/"))} == set(wanted)
    for name, text in wanted.items():
        assert (DEPLOY / name).read_text() == text, f"{name}: run `watchkeeper permissions write deploy`"


@pytest.mark.parametrize("action", ACTIONS.values(), ids=lambda action: action.id)
def test_no_action_without_its_permission(action: Any) -> None:
    assert action.permissions
    executor = [path.name for path in (DEPLOY / "kubernetes").glob("executor*-rbac.yaml")]
    assert kube_permissions(action.permissions) <= shipped_rules(*executor)
    texts = {one.text for one in aws_permissions(action.permissions)}
    assert texts <= shipped_actions("executor-policy.json")


def test_no_permission_without_an_action() -> None:
    listed = {permission_of(text) for action in ACTIONS.values() for text in action.permissions}
    granted_elsewhere = {one for one in listed if isinstance(one, SqlPermission | JmxPermission)}
    executor = [path.name for path in (DEPLOY / "kubernetes").glob("executor*-rbac.yaml")]
    aws = {AwsPermission(*text.split(":")) for text in shipped_actions("executor-policy.json")}
    assert shipped_rules(*executor) | aws == listed - granted_elsewhere


def test_each_function_of_the_database_is_some_actions_and_the_other_way_round() -> None:
    called = {one for name in (READER, EXECUTOR) for one in functions_of(name)}
    assert called == set(FUNCTIONS)
    assert functions_of(READER) == []
    granted = re.findall(
        r"GRANT EXECUTE ON FUNCTION (\S+) TO", (DEPLOY / "postgresql" / "executor.sql").read_text()
    )
    assert set(granted) == called
    rights = {
        one
        for name in (READER, EXECUTOR)
        for text in HELD[name]
        if isinstance(one := permission_of(text), SqlPermission)
    }
    reads = {SqlPermission("pg_roles", "SELECT"), SqlPermission("pg_stat_activity", "SELECT")}
    assert {one for one in rights if one.right != "EXECUTE"} == reads


def test_the_reader_gets_what_its_adapters_declare() -> None:
    declared = [text for texts in READS.values() for text in texts]
    assert shipped_rules("reader-rbac.yaml") == kube_permissions(declared)
    assert shipped_actions("reader-policy.json") == {one.text for one in aws_permissions(declared)}


def test_the_reader_holds_no_write_no_secret_and_no_exec() -> None:
    kube = shipped_rules("reader-rbac.yaml")
    assert kube
    assert [one for one in kube if one.writes] == []
    assert [one for one in kube if one.resource.startswith("secrets") or "exec" in one.resource] == []
    aws = aws_permissions(HELD[READER])
    assert aws
    assert [one for one in aws if one.writes] == []


def test_exec_and_cluster_wide_writes_are_apart_and_never_applied_by_default() -> None:
    inside = DEPLOY / "kubernetes" / "executor-exec-rbac.yaml"
    default = shipped_rules("executor-rbac.yaml")
    assert [one for one in default if one.resource == APART or (is_wide(one) and one.writes)] == []
    listed = yaml.safe_load((DEPLOY / "kubernetes" / "kustomization.yaml").read_text())["resources"]
    assert listed == ["reader-rbac.yaml", "executor-rbac.yaml"]
    if inside.exists():
        assert {one.resource for one in shipped_rules(inside.name)} == {APART}
    cluster = shipped_rules("executor-cluster-rbac.yaml")
    assert cluster
    assert [one for one in cluster if not (is_wide(one) and one.writes)] == []


def test_no_role_reads_secrets_or_touches_roles() -> None:
    everything = shipped_rules(*(path.name for path in (DEPLOY / "kubernetes").glob("*-rbac.yaml")))
    closed = ("secrets", "roles", "rolebindings", "clusterroles", "clusterrolebindings", "serviceaccounts")
    assert [one for one in everything if one.resource.partition("/")[0] in closed] == []
    assert [one for one in everything if "*" in f"{one.group}{one.resource}{one.verb}"] == []
    assert [one for one in everything if one.group == "rbac.authorization.k8s.io"] == []


def test_every_write_on_aws_is_limited_to_resources() -> None:
    wide = [
        action
        for one in statements("executor-policy.json")
        for action in one["Action"]
        if one["Resource"] == "*" and AwsPermission(*action.split(":")).writes
    ]
    assert wide == []
    for name in ("reader-policy.json", "executor-policy.json"):
        assert [one for one in statements(name) if one["Resource"] == "*" and "Condition" not in one] == []


def test_every_scope_is_used() -> None:
    used = {one.text for held in HELD.values() for one in aws_permissions(held)}
    assert set(SCOPES) - used == set()


def test_what_is_never_allowed_is_denied_and_never_listed() -> None:
    for name in ("reader-policy.json", "executor-policy.json"):
        [denied] = statements(name, "Deny")
        assert denied["Resource"] == "*"
        assert set(denied["Action"]) == set(NEVER)
        for action in shipped_actions(name):
            assert [pattern for pattern in NEVER if fnmatchcase(action, pattern)] == []


@pytest.mark.parametrize(
    "text",
    ["", "k8s:apps:deployments", "k8s:apps:*:get", "iam:ecs:*", "iam:ecs", "gcp:compute:Get", "k8s:a:b:"],
)
def test_a_text_of_no_known_form_is_refused(text: str) -> None:
    with pytest.raises(Permanent):
        permission_of(text)
