"""What the aws executor guards itself, since test servers and AWS do not agree on it, and its errors."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ParamValidationError,
    ReadTimeoutError,
)

from bot.adapters.executors import aws
from bot.adapters.executors._aws_call import Clients, failure
from bot.domain.errors import Conflict, Permanent, Refused, Retryable, Undecided
from bot.settings import Settings
from tests.contract.executors.aws_scenes import ecs_count
from tests.contract.executors.bench import REGION, Bench, moto, write_credentials
from tests.contract.kube.simulated import free_port


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with moto() as url:
        yield ecs_count(url, tmp_path_factory.mktemp("aws"))


def test_another_cluster_or_a_recreated_service_is_refused(bench: Bench) -> None:
    step = bench.step()
    with pytest.raises(Refused) as refused:
        bench.executor.read(dataclasses.replace(step.target, scope="staging"))
    assert refused.value.rule == "outside_cluster"
    namesake = dataclasses.replace(step, target=dataclasses.replace(step.target, uid="arn:other@1"))
    with pytest.raises(Refused) as refused:
        bench.executor.call(namesake, token="p:change:do")
    assert refused.value.rule == "target_changed"
    assert not bench.executor.settled(namesake, token="p:change:do")


def test_an_endpoint_that_is_away_was_never_reached(tmp_path: Path, bench: Bench) -> None:
    client = Clients(write_credentials(tmp_path / "c"), REGION, f"http://127.0.0.1:{free_port()}")
    away = aws.AwsExecutor(client, Settings(aws_region=REGION, ecs_cluster=bench.target.scope))
    with pytest.raises(Retryable):
        away.read(bench.target)


def answered(code: str, status: int) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]  # Only what is read.
        "UpdateService",
    )


@pytest.mark.parametrize(
    ("error", "written", "read"),
    [
        (answered("AccessDeniedException", 400), Refused, Refused),
        (answered("ThrottlingException", 400), Retryable, Retryable),
        (answered("ServiceNotFoundException", 400), Permanent, Permanent),
        (answered("ExpiredTokenException", 400), Refused, Refused),
        (answered("RequestExpired", 403), Refused, Refused),
        (answered("PreconditionFailedException", 412), Conflict, Conflict),
        (answered("ScalingActivityInProgress", 400), Retryable, Retryable),
        (ParamValidationError(report="too long"), Permanent, Permanent),
        (answered("ServerException", 500), Undecided, Retryable),
        (ReadTimeoutError(endpoint_url="http://x"), Undecided, Retryable),
        (ConnectTimeoutError(endpoint_url="http://x"), Retryable, Retryable),
        (EndpointConnectionError(endpoint_url="http://x"), Retryable, Retryable),
    ],
)
def test_each_error_in_our_own_words(error: ClientError, written: type, read: type) -> None:
    assert type(failure(error, writes=True)) is written
    assert type(failure(error, writes=False)) is read


def test_what_is_missing_is_named(settings: Callable[..., Settings], tmp_path: Path) -> None:
    with pytest.raises(Permanent, match="WATCHKEEPER_AWS_EXECUTOR_CREDENTIALS"):
        aws.build(settings(aws_region=REGION, ecs_cluster="c"))
    nowhere = str(tmp_path / "nothing")
    with pytest.raises(Permanent, match="cannot be read"):
        aws.build(settings(aws_region=REGION, ecs_cluster="c", aws_executor_credentials=nowhere))


def test_keys_come_from_the_file_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Callable[..., Settings]
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIASOMEBODY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "else")
    client = Clients(write_credentials(tmp_path / "c"), REGION, "").of("ecs")
    credentials = client._request_signer._credentials
    assert credentials.access_key == "AKIAEXAMPLE"
