"""IAM policies from permission sets: what each call may be done to, and what no policy of ours ever allows.

`SCOPES` gives for an IAM action the resources that it is limited to; {scope} and {name} are the target's, so that one
table makes the policy of the account (any target that is in reach) and of one plan (its targets alone).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bot.domain.canonical import Json
from bot.domain.permissions import EXECUTOR, HELD, READER, AwsPermission, aws_permissions

VERSION = "2012-10-17"
ANYTHING = ("*",)
ROLE = "watchkeeper-executor"
READING_SESSION = "watchkeeper-reading"
SESSION_NAMES = ("plan-*", READING_SESSION)


@dataclass(frozen=True, slots=True)
class Scope:
    """`resources` are ARN patterns, `conditions` {operator: {key: pattern}}, both with the fields of `Place`."""

    resources: Sequence[str] = ANYTHING
    conditions: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Place:
    """What the fields of a pattern stand for; the defaults are what a reader of the file must replace.

    {first} is the part of the name before a colon, {uid_first} that of the uid before a slash.
    """

    region: str = "REGION"
    account: str = "ACCOUNT"
    scope: str = "CLUSTER"
    name: str = "*"
    uid: str = "*"

    def filled(self, pattern: str) -> str:
        """The pattern with its fields."""
        return pattern.format(
            region=self.region,
            account=self.account,
            scope=self.scope,
            name=self.name,
            first=self.name.partition(":")[0],
            uid_first=self.uid.partition("/")[0],
        )


_REGIONAL = Scope(ANYTHING, {"StringEquals": {"aws:RequestedRegion": "{region}"}})
_ECS_CLUSTER = {"ArnEquals": {"ecs:cluster": "arn:aws:ecs:{region}:{account}:cluster/{scope}"}}
_ECS_SERVICE = Scope(("arn:aws:ecs:{region}:{account}:service/{scope}/{name}",), _ECS_CLUSTER)
_FUNCTION = Scope(
    tuple(f"arn:aws:lambda:{{region}}:{{account}}:function:{{first}}{version}" for version in ("", ":*"))
)
_PARAMETER = Scope(("arn:aws:ssm:{region}:{account}:parameter{name}",))
_CONFIGURATION = Scope(
    tuple(
        f"arn:aws:appconfig:{{region}}:{{account}}:{resource}"
        for resource in ("application/{uid_first}", "application/{uid_first}/*", "deploymentstrategy/*")
    )
)
_IP_SET = Scope(("arn:aws:wafv2:*:{account}:*/ipset/{name}/*",))
_RDS = "arn:aws:rds:{region}:{account}"
_DATABASE = Scope((f"{_RDS}:db:{{name}}",))
_INSIGHTS = Scope(("arn:aws:pi:{region}:{account}:metrics/rds/*",))
# Documents of the account itself alone: AWS's own, which run any shell line, have no account in their ARN.
_DOCUMENT = "arn:aws:ssm:{region}:{account}:document/*"
# Only buckets that bear our name: the settings take no other one for evidence.
_EVIDENCE = Scope(("arn:aws:s3:::watchkeeper-*/*",))
_OUR_TAGS = {"ForAllValues:StringLike": {"aws:TagKeys": "watchkeeper-*"}}
_EC2 = "arn:aws:ec2:{region}:{account}"

# What is not here cannot be limited to a resource in IAM, and is limited to the region.
SCOPES: Mapping[str, Scope] = {
    "ecs:DescribeServices": _ECS_SERVICE,
    "ecs:UpdateService": _ECS_SERVICE,
    "ecs:ListServices": Scope(ANYTHING, _ECS_CLUSTER),
    "lambda:GetAlias": _FUNCTION,
    "lambda:GetFunctionConfiguration": _FUNCTION,
    "lambda:UpdateAlias": _FUNCTION,
    "ssm:GetParameterHistory": _PARAMETER,
    "ssm:PutParameter": _PARAMETER,
    "appconfig:GetDeployment": _CONFIGURATION,
    "appconfig:GetDeploymentStrategy": _CONFIGURATION,
    "appconfig:GetHostedConfigurationVersion": _CONFIGURATION,
    "appconfig:ListDeployments": _CONFIGURATION,
    "appconfig:StartDeployment": _CONFIGURATION,
    "autoscaling:SetDesiredCapacity": Scope(
        ("arn:aws:autoscaling:{region}:{account}:autoScalingGroup:*:autoScalingGroupName/{name}",)
    ),
    "elasticloadbalancing:ModifyRule": Scope(
        ("arn:aws:elasticloadbalancing:{region}:{account}:listener-rule/{name}",)
    ),
    "pi:DescribeDimensionKeys": _INSIGHTS,
    "pi:GetResourceMetrics": _INSIGHTS,
    "rds:CreateDBInstanceReadReplica": Scope(
        (f"{_RDS}:db:{{name}}", f"{_RDS}:db:{{name}}-wk*", f"{_RDS}:subgrp:*", f"{_RDS}:pg:*", f"{_RDS}:og:*")
    ),
    "rds:ModifyDBInstance": _DATABASE,
    "rds:RebootDBInstance": _DATABASE,
    "ssm:SendCommand": Scope(
        (_DOCUMENT, f"{_EC2}:instance/{{name}}", "arn:aws:ssm:{region}:{account}:managed-instance/{name}")
    ),
    "wafv2:GetIPSet": _IP_SET,
    "wafv2:UpdateIPSet": _IP_SET,
    "s3:GetBucketObjectLockConfiguration": Scope(("arn:aws:s3:::watchkeeper-*",)),
    "s3:PutObject": _EVIDENCE,
    "s3:PutObjectRetention": _EVIDENCE,
    "ec2:ModifyInstanceAttribute": Scope((f"{_EC2}:instance/{{name}}", f"{_EC2}:security-group/*")),
    "ec2:CreateSnapshot": Scope((f"{_EC2}:volume/{{name}}", "arn:aws:ec2:{region}::snapshot/*")),
    "ec2:CreateTags": Scope((f"{_EC2}:instance/{{name}}", "arn:aws:ec2:{region}::snapshot/*"), _OUR_TAGS),
}

# Refused whatever else the identity is given: another policy on the same role must not open these doors.
NEVER = (
    "account:*",
    "aws-portal:*",
    "billing:*",
    "budgets:*",
    "ce:*",
    "ec2:AuthorizeSecurityGroupEgress",
    "ec2:AuthorizeSecurityGroupIngress",
    "iam:*",
    "organizations:*",
    "sso:*",
    "sts:AssumeRoleWithSAML",
    "sts:AssumeRoleWithWebIdentity",
    "sts:GetFederationToken",
)


def aws_files(place: Place) -> Mapping[str, Json]:
    """File name -> policy document.

    The executor's long-lived keys may hold the one for assuming alone; the role that they become trusts them and
    nobody else.
    """
    reader, executor = (aws_permissions(HELD[role]) for role in (READER, EXECUTOR))
    return {
        "reader-policy.json": policy(reader, place, deny=NEVER),
        "executor-policy.json": policy(executor, place, deny=NEVER),
        "executor-assume-policy.json": _becoming({"Resource": f"arn:aws:iam::{place.account}:role/{ROLE}"}),
        "executor-trust-policy.json": _becoming(_trusted(place)),
    }


def policy(permissions: Iterable[AwsPermission], place: Place, *, deny: Sequence[str] = ()) -> Json:
    """One statement per scope, sorted; the same permissions always give the same document."""
    by_scope: dict[str, list[str]] = {}
    scopes: dict[str, Scope] = {}
    for one in sorted(permissions):
        scope = SCOPES.get(one.text, _REGIONAL)
        key = repr(scope)
        scopes[key] = scope
        by_scope.setdefault(key, []).append(one.text)
    statements: list[Json] = [
        _statement(actions, scopes[key], place) for key, actions in sorted(by_scope.items())
    ]
    if deny:
        statements.append({"Sid": "Never", "Effect": "Deny", "Action": list(deny), "Resource": "*"})
    return {"Version": VERSION, "Statement": statements}


def _statement(actions: Sequence[str], scope: Scope, place: Place) -> Json:
    resources = [place.filled(one) for one in scope.resources]
    statement: dict[str, Json] = {
        "Effect": "Allow",
        "Action": list(actions),
        "Resource": resources[0] if len(resources) == 1 else list(resources),
    }
    if scope.conditions:
        statement["Condition"] = {
            operator: {key: place.filled(value) for key, value in keys.items()}
            for operator, keys in scope.conditions.items()
        }
    return statement


def _becoming(more: Mapping[str, Json]) -> Json:
    """Becoming the executor's role, with the names of those who approved: what the keys may do, and the role allows."""
    actions: list[Json] = ["sts:AssumeRole", "sts:SetSourceIdentity"]
    return {"Version": VERSION, "Statement": [{"Effect": "Allow", "Action": actions, **more}]}


def _trusted(place: Place) -> Mapping[str, Json]:
    """The user with the executor's keys, in a session that is named like one of ours."""
    return {
        "Principal": {"AWS": f"arn:aws:iam::{place.account}:user/{ROLE}"},
        "Condition": {"StringLike": {"sts:RoleSessionName": list(SESSION_NAMES)}},
    }
