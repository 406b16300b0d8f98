"""One scene on the AWS test server for each action: what there is, and the change that a step asks for."""

import functools
import io
import uuid
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import boto3
from moto.ecs.models import ecs_backends

from bot.adapters.executors import aws
from bot.adapters.executors._aws_call import Clients
from bot.domain.actions.appconfig import START_DEPLOYMENT
from bot.domain.actions.autoscaling import SET_DESIRED_CAPACITY
from bot.domain.actions.ecs import SET_DESIRED_COUNT, SET_TASK_DEFINITION
from bot.domain.actions.lambda_alias import SET_ALIAS_VERSION
from bot.domain.actions.load_balancing import SET_WEIGHTS
from bot.domain.actions.parameters import RESTORE_PARAMETER
from bot.domain.catalogue import Live, Params
from bot.domain.live_rule import rule_name
from bot.domain.live_service import live_service
from bot.domain.plan import Target
from bot.settings import Settings
from tests.contract.executors.bench import REGION, Bench, count_for, write_credentials

ACCOUNT = "123456789012"
CLUSTER = "production"
PRICES = {"ecs.service": 4.9, "autoscaling.group": 19.2}


_EXECUTORS: dict[str, aws.AwsExecutor] = {}


@functools.cache
def client(url: str, service: Any) -> Any:
    """A client of the test server with rights to everything."""
    return boto3.Session("x", "x", region_name=REGION).client(service, endpoint_url=url)


def executor(url: str, folder: Path) -> aws.AwsExecutor:
    """The real executor against the test server; made once for each, since botocore reads a large model per client."""
    if url not in _EXECUTORS:
        settings = Settings(
            aws_region=REGION, ecs_cluster=CLUSTER, prices=PRICES, appconfig_strategy="abc1234"
        )
        keys = write_credentials(folder / "credentials")
        _EXECUTORS[url] = aws.AwsExecutor(Clients(keys, REGION, url), settings)
    return _EXECUTORS[url]


def _service(url: str) -> Target:
    ecs, name = client(url, "ecs"), f"cart-{uuid.uuid4().hex[:6]}"
    ecs.create_cluster(clusterName=CLUSTER)
    for number in (1, 2):
        ecs.register_task_definition(
            family=name, containerDefinitions=[{"name": "app", "image": f"cart:{number}", "memory": 64}]
        )
    made = ecs.create_service(cluster=CLUSTER, serviceName=name, taskDefinition=f"{name}:2", desiredCount=10)
    return Target("ecs.service", name, CLUSTER, live_service(made["service"])["uid"], name)


def ecs_count(url: str, folder: Path) -> Bench:
    """A service of ten tasks, of which half are to go."""
    target = _service(url)
    return Bench(executor(url, folder), target, SET_DESIRED_COUNT, count_for)


def ecs_revision(url: str, folder: Path) -> Bench:
    """A service on the second revision of its task definition."""
    target = _service(url)

    def older(live: Live) -> Params:
        return {"revision": f"{live['revision'].rpartition(':')[0]}:1"}

    return Bench(executor(url, folder), target, SET_TASK_DEFINITION, older, roll_out)


def roll_out() -> None:
    """The rollout that follows at ECS: the test server leaves a service's deployments as they were at its creation."""
    for service in ecs_backends[ACCOUNT][REGION].services.values():
        for deployment in service.deployments:
            deployment |= {"taskDefinition": service.task_definition, "rolloutState": "COMPLETED"}


def lambda_alias(url: str, folder: Path) -> Bench:
    """A function with three versions, its alias on the second."""
    functions, name = client(url, "lambda"), f"cart-{uuid.uuid4().hex[:6]}"
    role = _role(url)
    functions.create_function(
        FunctionName=name, Runtime="python3.12", Role=role, Handler="a.b", Code={"ZipFile": _zipped("1")}
    )
    functions.publish_version(FunctionName=name)
    for text in ("2", "3"):
        functions.update_function_code(FunctionName=name, ZipFile=_zipped(text), Publish=True)
    alias = functions.create_alias(FunctionName=name, Name="live", FunctionVersion="2")
    target = Target("lambda.alias", f"{name}:live", REGION, alias["AliasArn"], "cart")
    return Bench(executor(url, folder), target, SET_ALIAS_VERSION, lambda _live: {"version": 1})


def parameter(url: str, folder: Path) -> Bench:
    """A parameter with three versions of two values, the last one wrong."""
    ssm, name = client(url, "ssm"), f"/cart-{uuid.uuid4().hex[:6]}/pool/size"
    for value in ("20", "35", "2000"):
        ssm.put_parameter(Name=name, Value=value, Type="String", Overwrite=True)
    target = Target("ssm.parameter", name, REGION, _parameter_uid(ssm, name), "cart")
    return Bench(executor(url, folder), target, RESTORE_PARAMETER, lambda _live: {"to_version": 2})


def configuration(url: str, folder: Path) -> Bench:
    """A feature flag profile whose second version is live; only the second stand-in knows AppConfig."""
    flags, stem = client(url, "appconfig"), f"cart-{uuid.uuid4().hex[:6]}"
    application = flags.create_application(Name=stem)["Id"]
    environment = flags.create_environment(ApplicationId=application, Name="production")["Id"]
    profile = flags.create_configuration_profile(
        ApplicationId=application, Name="flags", LocationUri="hosted"
    )["Id"]
    strategy = flags.create_deployment_strategy(
        Name=stem, DeploymentDurationInMinutes=0, GrowthFactor=100, ReplicateTo="NONE"
    )["Id"]
    for number in (1, 2):
        flags.create_hosted_configuration_version(
            ApplicationId=application, ConfigurationProfileId=profile, Content=b"{}", ContentType="text/plain"
        )
        flags.start_deployment(
            ApplicationId=application,
            EnvironmentId=environment,
            DeploymentStrategyId=strategy,
            ConfigurationProfileId=profile,
            ConfigurationVersion=str(number),
        )
    uid = f"{application}/{environment}/{profile}"
    target = Target("appconfig.configuration", f"{stem}:production:flags", REGION, uid, "cart")
    settings = Settings(aws_region=REGION, appconfig_strategy=strategy)
    keys = write_credentials(folder / "credentials")
    deployer = aws.AwsExecutor(Clients(keys, REGION, url), settings)
    return Bench(deployer, target, START_DEPLOYMENT, lambda _live: {"version": 1, "strategy": strategy})


def group(url: str, folder: Path) -> Bench:
    """An Auto Scaling group of two instances that may have four."""
    name = f"cart-{uuid.uuid4().hex[:6]}"
    scaling = client(url, "autoscaling")
    scaling.create_launch_configuration(
        LaunchConfigurationName=name, ImageId="ami-0a1b2c3d", InstanceType="t3.small"
    )
    scaling.create_auto_scaling_group(
        AutoScalingGroupName=name,
        LaunchConfigurationName=name,
        MinSize=1,
        MaxSize=4,
        DesiredCapacity=2,
        AvailabilityZones=[f"{REGION}a"],
    )
    found = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"][0]
    target = Target("autoscaling.group", name, REGION, found["AutoScalingGroupARN"], "cart")
    return Bench(executor(url, folder), target, SET_DESIRED_CAPACITY, lambda _live: {"capacity": 4})


def rule(url: str, folder: Path) -> Bench:
    """A listener rule that sends 90 % to one group and 10 % to another, both with healthy targets."""
    target = listener_rule(url, (90, 10), (2, 2))
    return Bench(executor(url, folder), target, SET_WEIGHTS, half)


def half(live: Live) -> Params:
    """Half of the traffic to each group."""
    names = {field: live[field] for field in ("first_group", "second_group")}
    return {**names, "first_weight": 50, "second_weight": 50}


def listener_rule(
    url: str, weights: tuple[int, int], healthy: tuple[int, int], tags: Mapping[str, str] | None = None
) -> Target:
    """A rule with those weights over two groups of so many registered targets each."""
    stem = f"cart-{uuid.uuid4().hex[:6]}"
    ec2, balancing = client(url, "ec2"), client(url, "elbv2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"{REGION}{zone}")[
            "Subnet"
        ]["SubnetId"]
        for number, zone in enumerate("ab")
    ]
    groups = [
        balancing.create_target_group(
            Name=f"{stem}-{name}", Protocol="HTTP", Port=80, VpcId=vpc, TargetType="ip"
        )["TargetGroups"][0]["TargetGroupArn"]
        for name in ("blue", "green")
    ]
    balancer = balancing.create_load_balancer(Name=stem, Subnets=subnets, Type="application")
    arn = balancer["LoadBalancers"][0]["LoadBalancerArn"]
    forward = {
        "Type": "forward",
        "ForwardConfig": {
            "TargetGroups": [
                {"TargetGroupArn": one, "Weight": weight} for one, weight in zip(groups, weights, strict=True)
            ],
            "TargetGroupStickinessConfig": {"Enabled": True, "DurationSeconds": 60},
        },
    }
    listener = balancing.create_listener(
        LoadBalancerArn=arn, Protocol="HTTP", Port=80, DefaultActions=[forward]
    )["Listeners"][0]["ListenerArn"]
    made = balancing.create_rule(
        ListenerArn=listener,
        Priority=10,
        Conditions=[{"Field": "path-pattern", "Values": ["/cart"]}],
        Actions=[forward],
        Tags=[{"Key": key, "Value": value} for key, value in (tags or {"team": "shop"}).items()],
    )["Rules"][0]["RuleArn"]
    for one, count in zip(groups, healthy, strict=True):
        if count:
            addresses = [{"Id": f"10.0.0.{number + 10}"} for number in range(count)]
            balancing.register_targets(TargetGroupArn=one, Targets=addresses)
    return Target("elbv2.rule", rule_name(made), REGION, made, "cart")


def _role(url: str) -> str:
    iam, name = client(url, "iam"), f"r-{uuid.uuid4().hex[:6]}"
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")
    return str(made["Role"]["Arn"])


def _zipped(text: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.py", f"b = {text}")
    return packed.getvalue()


def _parameter_uid(ssm: Any, name: str) -> str:
    wanted = [{"Key": "Name", "Option": "Equals", "Values": [name]}]
    [found] = ssm.describe_parameters(ParameterFilters=wanted)["Parameters"]
    return str(found.get("ARN") or found["Name"])


SCENES: Mapping[str, Callable[[str, Path], Bench]] = {
    "ecs-count": ecs_count,
    "ecs-revision": ecs_revision,
    "lambda": lambda_alias,
    "parameter": parameter,
    "group": group,
    "rule": rule,
}
# Functions stay pending on the second stand-in, which runs them in containers, and its rules show no target groups.
SECOND_OPINION = {
    "ecs-count": ecs_count,
    "ecs-revision": ecs_revision,
    "parameter": parameter,
    "group": group,
    "configuration": configuration,
}
