"""Executor for AWS: a closed table of boto3 calls with our own guards, one attempt each, bounded time.

The endpoint may be a test server that checks less than AWS does, so existence, state and bounds are checked here.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ProxyConnectionError,
)

from bot.domain.actions import SET_DESIRED_COUNT, action_of
from bot.domain.catalogue import check_params, check_target
from bot.domain.errors import Permanent, Refused, Retryable, Undecided, WatchkeeperError
from bot.domain.live_service import live_service
from bot.domain.plan import PlannedStep, Target
from bot.ports import Executor
from bot.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_ecs.client import ECSClient
    from mypy_boto3_ecs.type_defs import ServiceTypeDef

_NEVER_SENT = (ConnectTimeoutError, EndpointConnectionError, ProxyConnectionError, NoCredentialsError)
_FORBIDDEN = {"AccessDeniedException", "AccessDenied", "UnrecognizedClientException", "InvalidClientTokenId"}
_BUSY = {"ThrottlingException", "Throttling", "TooManyRequestsException"}


class AwsExecutor:
    """`bot.ports.Executor` over one ECS cluster."""

    name = "aws"

    def __init__(self, ecs: "ECSClient", cluster: str) -> None:
        self._ecs = ecs
        self._cluster = cluster

    def read(self, target: Target) -> Mapping[str, str]:
        return live_service(self._service(target))

    def dry_run(self, step: PlannedStep) -> None:
        """ECS has no dry run; these are the checks that it would make, and those that test servers skip."""
        self._check(step)
        live = self.read(step.target)
        if live["uid"] != step.target.uid:
            message = f"ECS service {step.target.name} is not the one that the plan was made for"
            raise Refused(message, rule="target_changed")
        if live["status"] != "ACTIVE":
            message = f"ECS service {step.target.name} is {live['status']}"
            raise Refused(message, rule="inactive")

    def call(self, step: PlannedStep, *, token: str) -> str:
        self.dry_run(step)
        count = int(step.params["count"])
        try:
            answer = self._ecs.update_service(
                cluster=step.target.scope, service=step.target.name, desiredCount=count
            )
        except (ClientError, BotoCoreError) as error:
            raise failure(error, writes=True) from error
        return f"desired count of {step.target.name} is now {answer['service']['desiredCount']}"

    def settled(self, step: PlannedStep, *, token: str) -> bool:
        self._check(step)
        live = self.read(step.target)
        return live["uid"] == step.target.uid and action_of(step.action).settled(live, step.params)

    def _check(self, step: PlannedStep) -> None:
        """The second wall: only catalogue actions of ours, inside bounds, with exactly the catalogue's command."""
        if step.action != SET_DESIRED_COUNT.id:
            message = f"the aws executor has no action {step.action!r}"
            raise Permanent(message)
        check_target(SET_DESIRED_COUNT, step.target)
        check_params(SET_DESIRED_COUNT, step.params)
        if step.command != SET_DESIRED_COUNT.command(step.target, step.params):
            message = f"the command of step {step.id} is not the catalogue's"
            raise Refused(message, rule="command_changed")

    def _service(self, target: Target) -> "ServiceTypeDef":
        check_target(SET_DESIRED_COUNT, target)
        if target.scope != self._cluster:
            message = f"cluster {target.scope} is not the executor's cluster {self._cluster}"
            raise Refused(message, rule="outside_cluster")
        try:
            answer = self._ecs.describe_services(cluster=target.scope, services=[target.name])
        except (ClientError, BotoCoreError) as error:
            raise failure(error, writes=False) from error
        if not answer["services"]:
            message = f"ECS service {target.name} does not exist in cluster {target.scope}"
            raise Permanent(message)
        return answer["services"][0]


def failure(error: ClientError | BotoCoreError, *, writes: bool) -> WatchkeeperError:
    """What an AWS error means; a write whose fate is unknown is Undecided."""
    if isinstance(error, ClientError):
        return _answered(error, writes=writes)
    message = f"aws: {error}"
    if isinstance(error, NoCredentialsError):
        return Permanent(message)
    if not writes or isinstance(error, _NEVER_SENT):
        return Retryable(message)
    return Undecided(message)


def _answered(error: ClientError, *, writes: bool) -> WatchkeeperError:
    code = error.response.get("Error", {}).get("Code", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    message = f"aws: {error}"
    if code in _FORBIDDEN or status == 403:
        return Refused(message, rule="forbidden")
    if code in _BUSY or status == 429:
        return Retryable(message, delay_s=2.0)
    if status >= 500:
        return Undecided(message) if writes else Retryable(message)
    return Permanent(message)


def build(settings: Settings) -> Executor:
    """The executor that the settings describe; raises Permanent naming what is missing."""
    settings.require("executor", ["aws_executor_credentials", "aws_region", "ecs_cluster"])
    path = settings.aws_executor_credentials
    if path is None or not path.is_file():
        message = (
            f"the executor's AWS credentials {path} cannot be read; set WATCHKEEPER_AWS_EXECUTOR_CREDENTIALS"
        )
        raise Permanent(message)
    try:
        ecs = client(path, settings.aws_region, settings.aws_endpoint_url)
    except (BotoCoreError, ValueError) as error:
        message = f"the AWS executor cannot be set up from {path}: {error}"
        raise Permanent(message) from error
    return AwsExecutor(ecs, settings.ecs_cluster)


def client(credentials: Path, region: str, endpoint: str) -> "ECSClient":
    """An ECS client with the keys of one file, one attempt and bounded waiting."""
    # A named profile takes keys from this file alone: botocore then leaves the environment's keys out.
    session = botocore.session.Session(profile="default")
    session.set_config_variable("credentials_file", str(credentials))
    config = Config(
        retries={"total_max_attempts": 1, "mode": "standard"}, connect_timeout=2, read_timeout=5, proxies={}
    )
    return boto3.Session(botocore_session=session).client(
        "ecs", region_name=region, endpoint_url=endpoint or None, config=config
    )
