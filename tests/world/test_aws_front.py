"""boto3 against the AWS front: reading, refusals by policy, the trail, and counts that really change."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from bot.local.world.aws.identities import EXECUTOR, READER, Identity
from tests.world.stage import Stage


def _client(stage: Stage, service: str, identity: Identity) -> Any:
    return boto3.client(
        service,  # type: ignore[call-overload]  # The name is a variable here.
        region_name="eu-west-1",
        endpoint_url=stage.aws,
        aws_access_key_id=identity.access_key,
        aws_secret_access_key=identity.secret,
        config=Config(retries={"total_max_attempts": 1}),
    )


@pytest.fixture
def fix(stage: Stage) -> dict[str, Any]:
    """A freshly started db-cascade; the fix that would heal it."""
    stage.start("db-cascade", 5)
    return dict(stage.truth()["fix"])


def _service(stage: Stage, name: str) -> dict[str, Any]:
    found = _client(stage, "ecs", READER).describe_services(cluster="production", services=[name])
    return dict(found["services"][0])


def test_the_credential_files_are_what_boto3_reads(stage: Stage, fix: dict[str, Any]) -> None:
    for name, identity in (("reader", READER), ("executor", EXECUTOR)):
        text = (stage.folder / "aws" / f"{name}.credentials").read_text()
        assert identity.access_key in text
        assert (stage.folder / "aws" / f"{name}.credentials").stat().st_mode & 0o077 == 0


def test_the_reader_reads_but_may_not_change(stage: Stage, fix: dict[str, Any]) -> None:
    before = _service(stage, fix["service"])
    assert before["runningCount"] == before["desiredCount"] > fix["count"]
    assert before["deployments"][0]["desiredCount"] == before["desiredCount"]
    with pytest.raises(ClientError) as refused:
        _client(stage, "ecs", READER).update_service(
            cluster="production", service=fix["service"], desiredCount=fix["count"]
        )
    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"
    assert "watchkeeper-reader is not authorized to perform: ecs:UpdateService" in str(refused.value)
    assert _service(stage, fix["service"]) == before
    [record] = stage.records()["aws"]
    assert (record["user"], record["action"], record["status"]) == (
        "watchkeeper-reader",
        "UpdateService",
        400,
    )


def test_the_executor_may_set_a_count_and_nothing_else(stage: Stage, fix: dict[str, Any]) -> None:
    ecs: Any = _client(stage, "ecs", EXECUTOR)
    ecs.update_service(cluster="production", service=fix["service"], desiredCount=fix["count"])
    after = _service(stage, fix["service"])
    assert (after["desiredCount"], after["runningCount"]) == (fix["count"], fix["count"])
    s3, ec2 = _client(stage, "s3", EXECUTOR), _client(stage, "ec2", EXECUTOR)
    forbidden: list[tuple[Any, dict[str, Any]]] = [
        (ecs.delete_service, {"cluster": "production", "service": fix["service"], "force": True}),
        (s3.create_bucket, {"Bucket": "anything"}),
        (ec2.terminate_instances, {"InstanceIds": ["i-0"]}),
    ]
    for call, given in forbidden:
        with pytest.raises(ClientError) as refused:
            call(**given)
        assert refused.value.response["Error"]["Code"].startswith("AccessDenied")
    with pytest.raises(ClientError) as missing:
        ecs.update_service(cluster="production", service="no-such-service", desiredCount=1)
    assert missing.value.response["Error"]["Code"] == "ServiceNotFoundException"
    accepted = [record for record in stage.records()["aws"] if record["status"] == 200]
    assert [record["parameters"]["desiredCount"] for record in accepted] == [fix["count"]]


def test_an_unknown_key_is_refused(stage: Stage, fix: dict[str, Any]) -> None:
    stranger = Identity("nobody", "AKIASTRANGER00000001", "x", frozenset())
    with pytest.raises(ClientError) as refused:
        _client(stage, "ecs", stranger).list_clusters()
    assert refused.value.response["Error"]["Code"] == "UnrecognizedClientException"


def test_the_trail_tells_the_history_and_what_was_done_since(stage: Stage, fix: dict[str, Any]) -> None:
    trail = _client(stage, "cloudtrail", READER)
    of_service = [{"AttributeKey": "ResourceName", "AttributeValue": fix["service"]}]
    events = trail.lookup_events(LookupAttributes=of_service)["Events"]
    assert [event["EventName"] for event in events] == ["UpdateService", "UpdateService", "CreateService"]
    details = [json.loads(event["CloudTrailEvent"]) for event in events]
    counts = [detail["requestParameters"]["desiredCount"] for detail in details]
    assert counts[0] == _service(stage, fix["service"])["desiredCount"]
    assert counts[1] == fix["count"]
    age = datetime.now(UTC) - events[0]["EventTime"]
    assert timedelta(minutes=2) < age < timedelta(minutes=9)
    _client(stage, "ecs", EXECUTOR).update_service(
        cluster="production", service=fix["service"], desiredCount=fix["count"]
    )
    [newest] = trail.lookup_events(LookupAttributes=of_service, MaxResults=1)["Events"]
    assert (newest["Username"], newest["ReadOnly"]) == ("watchkeeper-executor", "false")
    recent = trail.lookup_events(StartTime=datetime.now(UTC) - timedelta(minutes=10))["Events"]
    assert {event["Resources"][0]["ResourceName"] for event in recent} == {fix["service"]}
    pages = trail.get_paginator("lookup_events").paginate(PaginationConfig={"PageSize": 2})
    everything = [event["EventId"] for page in pages for event in page["Events"]]
    assert len(everything) == len(set(everything)) > 4
