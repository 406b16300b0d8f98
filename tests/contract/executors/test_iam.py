"""With IAM enforced by the test server: the reader is refused every write of the catalogue, the executor none.

The server matches actions, not resources or conditions, so that both identities hold their actions on everything
here; what each is limited to is compared with the shipped policies in tests/unit/domain/test_permissions.py.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from bot.domain.permissions import EXECUTOR, HELD, READER, aws_permissions
from tests.contract.executors.aws_scenes import client
from tests.contract.executors.bench import REGION, moto

# Permission -> how that call is made. The server authorises before it looks whether the resource exists.
WRITES: Mapping[str, tuple[str, str, dict[str, Any]]] = {
    "autoscaling:SetDesiredCapacity": (
        "autoscaling",
        "set_desired_capacity",
        {"AutoScalingGroupName": "n", "DesiredCapacity": 1},
    ),
    "ec2:CreateSnapshot": ("ec2", "create_snapshot", {"VolumeId": "vol-0a1b2c3d"}),
    "ec2:CreateTags": ("ec2", "create_tags", {"Resources": ["i-0a1b2c3d"], "Tags": []}),
    "ec2:ModifyInstanceAttribute": (
        "ec2",
        "modify_instance_attribute",
        {"InstanceId": "i-0a1b2c3d", "Groups": ["sg-0a1b2c3d"]},
    ),
    "ecs:UpdateService": ("ecs", "update_service", {"service": "n", "desiredCount": 1}),
    "elasticloadbalancing:ModifyRule": (
        "elbv2",
        "modify_rule",
        {"RuleArn": "arn:aws:elasticloadbalancing:n", "Actions": []},
    ),
    "lambda:UpdateAlias": ("lambda", "update_alias", {"FunctionName": "n", "Name": "n"}),
    "rds:CreateDBInstanceReadReplica": (
        "rds",
        "create_db_instance_read_replica",
        {"DBInstanceIdentifier": "n", "SourceDBInstanceIdentifier": "m"},
    ),
    "rds:ModifyDBInstance": ("rds", "modify_db_instance", {"DBInstanceIdentifier": "n"}),
    "rds:RebootDBInstance": ("rds", "reboot_db_instance", {"DBInstanceIdentifier": "n"}),
    "s3:PutObject": ("s3", "put_object", {"Bucket": "watchkeeper-n", "Key": "n"}),
    "s3:PutObjectRetention": (
        "s3",
        "put_object_retention",
        {"Bucket": "watchkeeper-n", "Key": "n", "Retention": {"Mode": "GOVERNANCE"}},
    ),
    "ssm:PutParameter": ("ssm", "put_parameter", {"Name": "/n", "Value": "1"}),
    "ssm:SendCommand": ("ssm", "send_command", {"DocumentName": "n"}),
    "wafv2:UpdateIPSet": (
        "wafv2",
        "update_ip_set",
        {"Name": "n", "Scope": "REGIONAL", "Id": "n", "Addresses": [], "LockToken": "n"},
    ),
}
# The server has no such call at all.
UNKNOWN_TO_SERVER = {"appconfig:StartDeployment"}
REFUSED = 403


@pytest.fixture(scope="module")
def keys() -> Iterator[tuple[str, Mapping[str, tuple[str, str]]]]:
    """The server's URL and the two identities' keys; from here on the server asks everybody for permission."""
    with moto() as url:
        iam = client(url, "iam")
        made = {role: _user(iam, role) for role in (READER, EXECUTOR)}
        answer = httpx.post(f"{url}/moto-api/reset-auth", content=b"0", trust_env=False)
        before = answer.json()["PREVIOUS_INITIAL_NO_AUTH_ACTION_COUNT"]
        try:
            yield url, made
        finally:
            httpx.post(f"{url}/moto-api/reset-auth", content=str(before).encode(), trust_env=False)


def _user(iam: Any, role: str) -> tuple[str, str]:
    actions = sorted(one.text for one in aws_permissions(HELD[role]))
    policy = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}],
    }
    iam.create_user(UserName=role)
    iam.put_user_policy(UserName=role, PolicyName="held", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=role)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def _status(url: str, key: tuple[str, str], write: str) -> int:
    """The HTTP status that the call gets; not every refusal of the test server has AWS's code in it."""
    service, method, arguments = WRITES[write]
    once = Config(retries={"total_max_attempts": 1})
    caller = boto3.Session(*key, region_name=REGION).client(
        service,  # type: ignore[call-overload]  # The name is a variable here.
        endpoint_url=url,
        config=once,
    )
    try:
        getattr(caller, method)(**arguments)
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"]
    except ResponseParserError:
        return 500  # The server let it through and fell over what does not exist.
    return 200


def test_the_table_holds_every_write_of_the_catalogue() -> None:
    held = {one.text for one in aws_permissions(HELD[EXECUTOR]) if one.writes}
    assert held == set(WRITES) | UNKNOWN_TO_SERVER


@pytest.mark.parametrize("write", sorted(WRITES))
def test_the_reader_is_refused(keys: tuple[str, Mapping[str, tuple[str, str]]], write: str) -> None:
    url, made = keys
    assert _status(url, made[READER], write) == REFUSED


@pytest.mark.parametrize("write", sorted(WRITES))
def test_the_executor_is_not(keys: tuple[str, Mapping[str, tuple[str, str]]], write: str) -> None:
    """The resource does not exist, so that another error than a refusal says that permission was given."""
    url, made = keys
    assert _status(url, made[EXECUTOR], write) != REFUSED


def test_unknown_keys_are_refused_everything(keys: tuple[str, Mapping[str, tuple[str, str]]]) -> None:
    url, _made = keys
    assert _status(url, ("AKIAUNKNOWN000000000", "nothing"), "ecs:UpdateService") == REFUSED
