"""What all AWS surfaces share: clients from one file of keys with one attempt and bounded waiting, and our errors."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ProxyConnectionError,
)

from bot.adapters.aws_keys import readable, session_of
from bot.domain.catalogue import Action
from bot.domain.errors import Conflict, Permanent, Refused, Retryable, Undecided, WatchkeeperError
from bot.domain.plan import PlannedStep, Target
from bot.settings import Settings

_NEVER_SENT = (ConnectTimeoutError, EndpointConnectionError, ProxyConnectionError, NoCredentialsError)
_FORBIDDEN = {"AccessDeniedException", "AccessDenied", "UnrecognizedClientException", "InvalidClientTokenId"}
_EXPIRED = {"ExpiredTokenException", "ExpiredToken", "RequestExpired"}
# The provider's word that it did nothing and may be asked again.
_BUSY = {
    "ThrottlingException",
    "Throttling",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "TooManyUpdates",
    "ScalingActivityInProgress",
}
_CHANGED = {
    "WAFOptimisticLockException",
    "PreconditionFailedException",
    "ConflictException",
    "ResourceConflictException",
}


class Clients:
    """Makes clients of one account, with the executor's own keys (a file, or a session of its role) and nobody else's."""

    def __init__(self, credentials: Path | boto3.Session, region: str, endpoint: str) -> None:
        self._session = session_of(credentials) if isinstance(credentials, Path) else credentials
        self._region = region
        self._endpoint = endpoint or None
        self._config = Config(
            retries={"total_max_attempts": 1, "mode": "standard"},
            connect_timeout=2,
            read_timeout=5,
            proxies={},
        )

    def of(self, service: Any) -> Any:
        """A client of one AWS service; each surface annotates it with its own type."""
        return self._session.client(
            service, region_name=self._region, endpoint_url=self._endpoint, config=self._config
        )


def build_clients(settings: Settings) -> Clients:
    """The clients that the settings describe; raises Permanent naming what is missing."""
    settings.require("executor", ["aws_executor_credentials", "aws_region"])
    path = readable(
        settings.aws_executor_credentials, "the executor's", "WATCHKEEPER_AWS_EXECUTOR_CREDENTIALS"
    )
    try:
        return Clients(path, settings.aws_region, settings.aws_endpoint_url)
    except (BotoCoreError, ValueError) as error:
        message = f"the AWS executor cannot be set up from {path}: {error}"
        raise Permanent(message) from error


@contextmanager
def calling(*, writes: bool) -> Iterator[None]:
    """Around calls to AWS: their errors become ours."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise failure(error, writes=writes) from error


def check_place(target: Target, region: str) -> None:
    """Raise Refused for a target of another region than the executor's own."""
    if target.scope != region:
        message = f"{target.name} is in {target.scope}, not in the executor's region {region}"
        raise Refused(message, rule="outside_region")


def check_same(live: Mapping[str, str], target: Target) -> None:
    """Raise Refused where the name now stands for something else than the plan was made for."""
    if live["uid"] != target.uid:
        message = f"{target.name} is not the one that the plan was made for"
        raise Refused(message, rule="target_changed")


def check_accepted(action: Action, live: Mapping[str, str], step: PlannedStep) -> None:
    """Raise Refused where the action's own precondition fails: test servers take much that AWS would not."""
    why = action.refuses(live, step.params)
    if why:
        message = f"{step.target.name}: {why}"
        raise Refused(message, rule="action_refuses")


def failure(error: ClientError | BotoCoreError, *, writes: bool) -> WatchkeeperError:
    """What an AWS error means; a write whose fate is unknown is Undecided."""
    if isinstance(error, ClientError):
        return _answered(error, writes=writes)
    message = f"aws: {error}"
    if isinstance(error, NoCredentialsError | ParamValidationError):
        return Permanent(message)
    if not writes or isinstance(error, _NEVER_SENT):
        return Retryable(message)
    return Undecided(message)


def _answered(error: ClientError, *, writes: bool) -> WatchkeeperError:
    code = error.response.get("Error", {}).get("Code", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    message = f"aws: {error}"
    if code in _EXPIRED:
        return Refused(message, rule="expired_credentials")
    if code in _CHANGED:
        return Conflict(message)
    if code in _FORBIDDEN or status == 403:
        return Refused(message, rule="forbidden")
    if code in _BUSY or status == 429:
        return Retryable(message, delay_s=2.0)
    if status >= 500:
        return Undecided(message) if writes else Retryable(message)
    return Permanent(message)
