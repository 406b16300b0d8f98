"""The inventory of AWS resources on the test server: what belongs to a service, and the executor sees the same."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import Stubber

from bot.adapters.evidence import _aws_appconfig, aws_resources
from bot.adapters.evidence._cloudtrail_changes import resource_changes
from bot.adapters.evidence._newest import newest
from bot.adapters.evidence.aws_resources import AwsResources
from bot.domain.actions.table import LIVE_FIELDS
from bot.domain.errors import Permanent
from bot.domain.telemetry import ChangeKind
from bot.settings import Settings
from tests.contract.executors import aws_scenes
from tests.contract.executors.bench import REGION, Bench, moto, write_credentials


@dataclass(frozen=True)
class Account:
    """The test server and the reader over it."""

    url: str
    folder: Path
    reader: AwsResources


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    folder = tmp_path_factory.mktemp("aws")
    with moto() as url:
        settings = Settings(
            aws_region=REGION,
            aws_endpoint_url=url,
            aws_reader_credentials=write_credentials(folder / "reader"),
            prices=aws_scenes.PRICES,
        )
        yield Account(url, folder, aws_resources.build(settings))


def owner_of(bench: Bench) -> str:
    """The service whose name the scene gave to the resource itself."""
    return bench.target.name.strip("/").split(":")[0].split("/")[0]


@pytest.mark.parametrize(
    "scene", [aws_scenes.lambda_alias, aws_scenes.parameter, aws_scenes.group], ids=lambda one: one.__name__
)
def test_reader_and_executor_agree(account: Account, scene: Callable[[str, Path], Bench]) -> None:
    bench = scene(account.url, account.folder)
    service = owner_of(bench)
    [(target, live)] = account.reader.find(bench.target.kind, service)
    assert (target.name, target.scope, target.uid, target.service) == (
        bench.target.name,
        REGION,
        bench.target.uid,
        service,
    )
    assert set(live) - {"uid"} <= LIVE_FIELDS[target.kind]
    seen = bench.executor.read(target)
    assert {field: seen[field] for field in live if not field.startswith("previous")} == {
        field: text for field, text in live.items() if not field.startswith("previous")
    }
    for other in ("nobody", "", "a b", "../x", "--region"):
        assert account.reader.find(bench.target.kind, other) == []


def test_a_rule_is_found_by_its_tag_alone(account: Account) -> None:
    tagged = aws_scenes.listener_rule(account.url, (90, 10), (2, 1), {"service": "basket"})
    aws_scenes.listener_rule(account.url, (90, 10), (2, 1), {"service": "till"})
    [(target, live)] = account.reader.find("elbv2.rule", "basket")
    assert (target.name, target.uid) == (tagged.name, tagged.uid)
    assert set(live) - {"uid"} == LIVE_FIELDS["elbv2.rule"]
    assert (live["first_weight"], live["second_weight"]) == ("90", "10")
    assert (live["first_targets"], live["second_targets"]) == ("2", "1")
    assert aws_scenes.executor(account.url, account.folder).read(target) == live


def test_a_group_is_found_by_tag_and_by_role(account: Account) -> None:
    bench = aws_scenes.group(account.url, account.folder)
    scaling = aws_scenes.client(account.url, "autoscaling")
    tags = [("service", "till"), ("watchkeeper-role", "spare")]
    scaling.create_or_update_tags(
        Tags=[
            {
                "ResourceId": bench.target.name,
                "ResourceType": "auto-scaling-group",
                "Key": key,
                "Value": value,
                "PropagateAtLaunch": False,
            }
            for key, value in tags
        ]
    )
    for found in (
        account.reader.find("autoscaling.group", "till"),
        account.reader.declared("autoscaling.group", "spare"),
    ):
        [(target, live)] = found
        assert (target.name, target.service, live["unit_price"]) == (bench.target.name, "till", "19200")
    assert account.reader.declared("autoscaling.group", "other") == []
    assert account.reader.declared("lambda.alias", "spare") == []


def test_no_value_of_a_parameter_is_read(account: Account) -> None:
    bench = aws_scenes.parameter(account.url, account.folder)
    [(_target, live)] = account.reader.find("ssm.parameter", owner_of(bench))
    assert live["previous_version"] == "2"
    assert not {"20", "35", "2000"} & set(live.values())


def test_a_parameter_that_never_changed_is_no_target(account: Account) -> None:
    aws_scenes.client(account.url, "ssm").put_parameter(Name="/steady/one", Value="1", Type="String")
    assert account.reader.find("ssm.parameter", "steady") == []


def test_two_changes_close_together_are_for_people_to_choose() -> None:
    def one(at: int) -> dict[str, str]:
        return {"changed_at": str(at)}

    late, earlier, old = ("/a", one(100_000)), ("/b", one(95_000)), ("/c", one(92_800))
    assert newest([old, earlier, late], "changed_at") == [earlier, late]
    assert newest([old, late], "changed_at") == [late]
    assert newest([], "changed_at") == []


def test_a_refused_reader_says_so(account: Account, tmp_path: Path) -> None:
    settings = Settings(aws_region=REGION, aws_reader_credentials=tmp_path / "nothing")
    with pytest.raises(Permanent, match="WATCHKEEPER_AWS_READER_CREDENTIALS"):
        aws_resources.build(settings)


NOW = datetime(2030, 1, 1, tzinfo=UTC)


def deployment(number: int, version: str, state: str, hours_ago: float, profile: str = "pro0001") -> Any:
    at = NOW - timedelta(hours=hours_ago)
    return {
        "DeploymentNumber": number,
        "ConfigurationProfileId": profile,
        "ConfigurationName": "flags",
        "ConfigurationVersion": version,
        "State": state,
        "StartedAt": at,
        "CompletedAt": at,
    }


def test_a_configuration_with_its_past(account: Account) -> None:
    """The test server knows no environments, so that AWS's own client answers from a script here."""
    client = aws_scenes.client(account.url, "appconfig")
    told = [
        deployment(9, "5", "COMPLETE", 0.5),
        deployment(8, "6", "ROLLED_BACK", 1),
        deployment(7, "4", "COMPLETE", 30),
        deployment(6, "3", "COMPLETE", 1, profile="pro0002"),
    ]
    with Stubber(client) as stub:
        stub.add_response("list_applications", {"Items": [{"Id": "app0001", "Name": "cart"}]})
        stub.add_response(
            "list_configuration_profiles",
            {"Items": [{"Id": "pro0001", "Name": "flags"}, {"Id": "pro0003", "Name": "unused"}]},
        )
        stub.add_response("list_environments", {"Items": [{"Id": "env0001", "Name": "production"}]})
        stub.add_response(
            "list_deployments", {"Items": [{"DeploymentNumber": one["DeploymentNumber"]} for one in told]}
        )
        for one in told:
            stub.add_response("get_deployment", one)
        [(target, live)] = _aws_appconfig.find(client, REGION, "cart", "abc1234")
        stub.assert_no_pending_responses()
    assert (target.name, target.uid) == ("cart:production:flags", "app0001/env0001/pro0001")
    assert live == {
        "uid": "app0001/env0001/pro0001",
        "state": "COMPLETE",
        "strategy": "abc1234",
        "version": "5",
        "deployed_at": str(int((NOW - timedelta(hours=0.5)).timestamp())),
        "previous_version": "4",
        "previous_ran_s": str(int(29.5 * 3600)),
    }
    assert account.reader.find("appconfig.configuration", "cart") == []


def told(at: float, name: str, asked: Any, answered: Any = None, error: str = "") -> dict[str, Any]:
    detail = {"requestParameters": asked, "responseElements": answered, "errorCode": error}
    return {"EventTime": at, "EventName": name, "Username": "ci", "CloudTrailEvent": json.dumps(detail)}


TRAIL = [
    told(10, "PutParameter", {"name": "/cart/pool/size", "value": "HIDDEN"}, {"version": 6}),
    told(20, "PutParameter", {"name": "/cart/pool/size", "value": "HIDDEN"}, {"version": 7}),
    told(25, "PutParameter", {"name": "/cart/pool/size"}, error="AccessDenied"),
    told(
        30,
        "UpdateAlias20150331",
        {"functionName": "arn:aws:lambda:eu-west-1:1:function:cart", "name": "live", "functionVersion": "8"},
    ),
    told(31, "UpdateAlias20150331", {"functionName": "cart", "name": "live", "functionVersion": "9"}),
    told(
        40,
        "StartDeployment",
        {"applicationId": "app1", "configurationProfileId": "pro1", "configurationVersion": "3"},
    ),
    told(50, "SetDesiredCapacity", {"autoScalingGroupName": "cart", "desiredCapacity": 4}),
    told(51, "SetDesiredCapacity", {"autoScalingGroupName": "cart", "desiredCapacity": 4}),
    told(60, "PutParameter", {"name": "/till/x"}, {"version": 2}),
    told(70, "SetDesiredCapacity", None),
    {"EventTime": 80, "EventName": "PutParameter", "CloudTrailEvent": "no json"},
    {"EventTime": 90, "EventName": "DeleteParameter", "CloudTrailEvent": "{}"},
]


def test_a_trail_gives_changes_with_their_states() -> None:
    changes = resource_changes(reversed(TRAIL), ["cart"], {"app1": "cart"})
    assert [(one.at, one.kind, one.title, one.before, one.actor) for one in changes] == [
        (10, ChangeKind.CONFIG, "parameter /cart/pool/size set to version 6", "", "ci"),
        (20, ChangeKind.CONFIG, "parameter /cart/pool/size set to version 7", "version 6", "ci"),
        (30, ChangeKind.DEPLOY, "alias live set to version 8", "", "ci"),
        (31, ChangeKind.DEPLOY, "alias live set to version 9", "version 8", "ci"),
        (40, ChangeKind.CONFIG, "configuration pro1 set to version 3", "", "ci"),
        (50, ChangeKind.SCALE, "group cart set to capacity 4", "", "ci"),
    ]
    assert resource_changes(TRAIL, ["nobody"], {}) == []


def test_a_trail_that_cannot_be_read_is_missing_evidence(account: Account) -> None:
    """The test server has no CloudTrail at all."""
    readings = account.reader.collect(["cart"], start=0, end=100)
    assert readings.changes == ()
    assert [one.source for one in readings.missing] == ["aws"]
