"""The executor in sessions of a role: short, named after the plan, and cut to the targets of one step."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest

from bot.adapters.executors import aws
from bot.adapters.executors._aws_call import Clients
from bot.adapters.executors._aws_scoped import ScopedExecutor
from bot.adapters.executors._aws_session import DURATION_S, Sessions, source_identity
from bot.domain.actions.ecs import SET_DESIRED_COUNT
from bot.domain.actions.table import ACTIONS
from bot.domain.catalogue import Action, planned_step
from bot.domain.errors import Permanent, Refused
from bot.domain.permissions import AwsPermission, permission_of
from bot.domain.permissions_aws import Place, aws_files
from bot.domain.plan import PlannedStep, Target
from bot.ports import Executor
from bot.settings import Settings
from tests.contract.executors.aws_scenes import client, ecs_count
from tests.contract.executors.bench import REGION, moto

ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/watchkeeper-executor"
PLAN = "a" * 64
TOKEN = f"{PLAN}:change:do"
ON_AWS = [action for action in ACTIONS.values() if action.executor == "aws"]


class Scene:
    """A service on the test server, and executors over it that note each session they take."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.target = ecs_count(url, folder).target
        self.asked: list[dict[str, Any]] = []
        self.clock = 0.0

    def executor(self, keys: boto3.Session, approver: str = "U0ALICE") -> Executor:
        """What `aws.build` makes with a role, over these long-lived keys, in the name of somebody who approved."""
        sts = Clients(keys, REGION, self.url).of("sts")
        sts.meta.events.register("provide-client-params.sts.AssumeRole", self._note)
        settings = Settings(aws_region=REGION, ecs_cluster=self.target.scope, audit_key=None)
        scoped = ScopedExecutor(
            Sessions(sts, ROLE, REGION, lambda: self.clock),
            lambda session, kind: aws.AwsExecutor(Clients(session, REGION, self.url), settings, kind),
        )
        return scoped.for_approver(approver)

    def step(self, executor: Executor, count: int) -> PlannedStep:
        live = executor.read(self.target)
        return planned_step(SET_DESIRED_COUNT, "change", self.target, live, {"count": count})

    def _note(self, params: dict[str, Any], **_more: Any) -> None:
        self.asked.append({**params, "Policy": json.loads(params["Policy"])})


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with moto() as running:
        yield running


@pytest.fixture
def scene(url: str, tmp_path: Path) -> Scene:
    return Scene(url, tmp_path)


def anybody() -> boto3.Session:
    return boto3.Session("x", "x", region_name=REGION)


def test_a_write_runs_in_a_session_of_the_plan_and_its_target(scene: Scene) -> None:
    executor = scene.executor(anybody())
    step = scene.step(executor, 4)
    executor.dry_run(step)
    assert executor.call(step, token=TOKEN)
    assert executor.settled(step, token=TOKEN)
    [write] = [one for one in scene.asked if "SourceIdentity" in one]
    assert (write["RoleSessionName"], write["SourceIdentity"]) == (f"plan-{PLAN}"[:64], "U0ALICE")
    assert (write["RoleArn"], write["DurationSeconds"]) == (ROLE, DURATION_S)
    [statement] = write["Policy"]["Statement"]
    assert statement["Action"] == ["ecs:DescribeServices", "ecs:UpdateService"]
    place = f"{REGION}:{ACCOUNT}:service/{scene.target.scope}/{scene.target.name}"
    assert statement["Resource"] == f"arn:aws:ecs:{place}"


def test_reading_sessions_hold_no_write_and_are_kept_while_they_last(scene: Scene) -> None:
    executor = scene.executor(anybody())
    executor.read(scene.target)
    executor.read(scene.target)
    assert len(scene.asked) == 1
    allowed = [text for one in scene.asked[0]["Policy"]["Statement"] for text in one["Action"]]
    assert allowed
    assert not [text for text in allowed if AwsPermission(*text.split(":")).writes]
    scene.clock = DURATION_S
    executor.read(scene.target)
    assert len(scene.asked) == 2


def test_every_write_takes_a_session_of_its_own(scene: Scene) -> None:
    executor = scene.executor(anybody())
    for count, plan in ((4, "b" * 64), (5, "c" * 64)):
        executor.call(scene.step(executor, count), token=f"{plan}:change:do")
    writes = [one["RoleSessionName"] for one in scene.asked if "SourceIdentity" in one]
    assert writes == [f"plan-{'b' * 59}", f"plan-{'c' * 59}"]


@pytest.mark.parametrize(
    ("approver", "identity"),
    [
        ("U0ALICE,U0BOB", "U0ALICE,U0BOB"),
        ("SO-12,U0ALICE,U0BOB", "SO-12,U0ALICE,U0BOB"),
        ("U0 ALICE:root/*\n\u202e<@U0EVE>", "U0-ALICE-root-----@U0EVE-"),
        ("U" * 200, "U" * 64),
    ],
)
def test_a_source_identity_is_what_sts_takes(approver: str, identity: str) -> None:
    assert source_identity(approver) == identity
    # The pattern that the reference of AssumeRole gives; the test server does not check it.
    assert re.fullmatch(r"[\w+=,.@-]{2,64}", identity, re.ASCII)


def test_a_write_that_nobody_approved_gets_no_session(scene: Scene) -> None:
    step = scene.step(scene.executor(anybody()), 4)
    asked = len(scene.asked)
    for nobody in ("", "U"):
        with pytest.raises(Refused) as refused:
            scene.executor(anybody(), nobody).call(step, token=TOKEN)
        assert (refused.value.rule, len(scene.asked)) == ("no_approver", asked)


@pytest.mark.parametrize("action", ON_AWS, ids=lambda action: action.id)
def test_the_policy_of_a_step_names_its_target_wherever_it_writes(action: Action, url: str) -> None:
    sts = Clients(anybody(), REGION, url).of("sts")
    asked: list[dict[str, Any]] = []
    sts.meta.events.register(
        "provide-client-params.sts.AssumeRole", lambda params, **_more: asked.append(params)
    )
    target = Target(action.target_kind, "first-name:second", "scope-name", "uid-first/uid-second", "service")
    Sessions(sts, ROLE, REGION).of_plan(action.permissions, target, TOKEN, "U0ALICE")
    text = asked[0]["Policy"]
    # AWS takes no longer one.
    assert len(text) <= 2048
    for statement in json.loads(text)["Statement"]:
        resources = (
            statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
        )
        if any(AwsPermission(*one.split(":")).writes for one in statement["Action"]):
            assert [one for one in resources if "first-name" in one or "uid-first" in one] != []
            assert "*" not in resources
    wanted = {
        one.text for text in action.permissions if isinstance(one := permission_of(text), AwsPermission)
    }
    assert {one for statement in json.loads(text)["Statement"] for one in statement["Action"]} == wanted


def test_what_is_no_role_stops_the_start(url: str) -> None:
    for wrong in (
        "watchkeeper-executor",
        "arn:aws:iam::1:role/x",
        f"{ROLE} x",
        f"arn:aws:iam::{ACCOUNT}:user/x",
    ):
        with pytest.raises(Permanent, match="WATCHKEEPER_AWS_EXECUTOR_ROLE"):
            Sessions(Clients(anybody(), REGION, url).of("sts"), wrong, REGION)


def anywhere(document: Any) -> Any:
    """The policy without resources and conditions."""
    statements = [{**one, "Resource": "*"} for one in document["Statement"]]
    for one in statements:
        one.pop("Condition", None)
    return {**document, "Statement": statements}


def keys_of(scene: Scene, user: str, policy: Any) -> boto3.Session:
    """The keys of a user who holds this policy and nothing else."""
    iam = client(scene.url, "iam")
    iam.create_user(UserName=user)
    iam.put_user_policy(UserName=user, PolicyName="assume", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=user)["AccessKey"]
    return boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name=REGION)


def test_keys_that_may_only_become_the_role_write_through_it_alone(scene: Scene) -> None:
    """With IAM enforced: the assume policy on the keys, the executor's and the trust on the role, as shipped.

    But the server matches actions and principals alone, so that every resource must be written as any and the
    condition on the session's name left out.
    """
    iam = client(scene.url, "iam")
    shipped = aws_files(Place(REGION, ACCOUNT))
    files = {name: anywhere(document) for name, document in shipped.items()}
    iam.create_role(
        RoleName="watchkeeper-executor",
        AssumeRolePolicyDocument=json.dumps(files["executor-trust-policy.json"]),
    )
    iam.put_role_policy(
        RoleName="watchkeeper-executor",
        PolicyName="held",
        PolicyDocument=json.dumps(files["executor-policy.json"]),
    )
    keys = keys_of(scene, "watchkeeper-executor", files["executor-assume-policy.json"])
    others = keys_of(scene, "somebody-else", files["executor-assume-policy.json"])
    settings = Settings(aws_region=REGION, ecs_cluster=scene.target.scope, audit_key=None)
    direct = aws.AwsExecutor(Clients(keys, REGION, scene.url), settings)
    through = scene.executor(keys)
    httpx.post(f"{scene.url}/moto-api/reset-auth", content=b"0", trust_env=False).raise_for_status()
    try:
        with pytest.raises(Refused):
            direct.read(scene.target)
        step = scene.step(through, 3)
        with pytest.raises(Refused):
            direct.call(step, token=TOKEN)
        assert through.call(step, token=TOKEN)
        assert through.settled(step, token=TOKEN)
        with pytest.raises(Refused):
            scene.executor(others).read(scene.target)
    finally:
        httpx.post(f"{scene.url}/moto-api/reset-auth", content=b"inf", trust_env=False)
