"""Every boto3 call in the adapters has its IAM action in the tables, and every IAM action there has its call.

Read from the source: a method of a client is an operation of the service that has it, and nearly every operation
has the name of its IAM action.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name

from bot.domain.permissions import EXECUTOR, HELD, READER, aws_permissions
from bot.domain.reads import READS

ADAPTERS = Path(__file__).resolve().parents[3] / "bot" / "adapters"
FOLDERS = {READER: "evidence", EXECUTOR: "executors"}
# boto3's name of a service -> the prefix of its IAM actions, where they differ.
PREFIXES = {"elbv2": "elasticloadbalancing"}
NAMES = {prefix: name for name, prefix in PREFIXES.items()}
# Operations that need another action's right, or one more: an operation -> what it needs.
NEEDS = {
    "ec2:CreateSnapshot": {"ec2:CreateSnapshot", "ec2:CreateTags"},
    "s3:PutObject": {"s3:PutObject", "s3:PutObjectRetention"},
    "s3:GetObjectLockConfiguration": {"s3:GetBucketObjectLockConfiguration"},
}
# What the executor's long-lived keys may do beside: the shipped assume policy.
ASSUMED = {EXECUTOR: {"sts:AssumeRole"}, READER: set[str]()}
# Names that a client shares with other objects of the adapters.
NO_OPERATIONS = {"close", "can_paginate", "get_paginator", "get_waiter"}


@cache
def operations(service: str) -> dict[str, str]:
    """Method name -> IAM action of a boto3 client."""
    model = botocore.session.get_session().get_service_model(service)
    prefix = PREFIXES.get(service, service)
    return {xform_name(name): f"{prefix}:{name}" for name in model.operation_names}


def sources(folder: str) -> list[Path]:
    """The adapters of the folder, and what both folders share beside them."""
    return sorted([*(ADAPTERS / folder).glob("*.py"), *ADAPTERS.glob("*_look.py")])


def services(folder: str) -> set[str]:
    """The services for which clients are made anywhere in the folder: `x.of("ecs")`, `session.client("ecs")`."""
    return {
        str(node.args[0].value)
        for path in sources(folder)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("of", "client")
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    }


def words(path: Path) -> Iterator[str]:
    """Attributes that are called or passed on, and the names that paginators and `getattr` take."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            yield node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "_" in node.value:
            yield node.value


def called(role: str) -> list[set[str]]:
    """For each word that names an operation: the IAM actions that it may need, of the role's services."""
    folder = FOLDERS[role]
    listed = {NAMES.get(one.service, one.service) for one in aws_permissions(HELD[role])}
    models = [operations(service) for service in sorted(services(folder) | listed)]
    said = {word for path in sources(folder) for word in words(path)} - NO_OPERATIONS
    meant = [{model[word] for model in models if word in model} for word in sorted(said)]
    return [{need for one in actions for need in NEEDS.get(one, {one})} for actions in meant if actions]


@pytest.mark.parametrize("role", [READER, EXECUTOR])
def test_calls_and_permissions_are_the_same(role: str) -> None:
    listed = {one.text for one in aws_permissions(HELD[role])}
    found = called(role)
    assert [actions for actions in found if not actions & (listed | ASSUMED[role])] == [], (
        "called without a permission"
    )
    assert listed - set().union(*found) == set(), "permitted and never called"
    assert len(found) >= 5


def test_every_reading_adapter_is_a_file_and_every_client_is_known() -> None:
    names = {path.stem for path in sources("evidence") if not path.stem.startswith("_")}
    assert set(READS) <= names
    for folder in FOLDERS.values():
        assert services(folder) <= set(botocore.session.get_session().get_available_services())
