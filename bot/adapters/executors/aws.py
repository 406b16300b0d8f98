"""Executor for AWS: a closed table of boto3 calls, one attempt each, bounded time; one surface per kind of resource."""

from collections.abc import Iterator

from bot.adapters.executors._aws_appconfig import Configurations
from bot.adapters.executors._aws_autoscaling import ScalingGroups
from bot.adapters.executors._aws_call import Clients, build_clients
from bot.adapters.executors._aws_ec2 import Instances, Volumes
from bot.adapters.executors._aws_ecs import EcsServices
from bot.adapters.executors._aws_lambda import LambdaAliases
from bot.adapters.executors._aws_load_balancing import ListenerRules
from bot.adapters.executors._aws_parameters import Parameters
from bot.adapters.executors._surfaces import Surface, SurfaceExecutor
from bot.ports import Executor
from bot.settings import Settings


class AwsExecutor(SurfaceExecutor):
    """`bot.ports.Executor` over one account and region."""

    def __init__(self, clients: Clients, settings: Settings) -> None:
        super().__init__("aws", tuple(_surfaces(clients, settings)))


def build(settings: Settings) -> Executor:
    """The executor that the settings describe; raises Permanent naming what is missing."""
    return AwsExecutor(build_clients(settings), settings)


def _surfaces(clients: Clients, settings: Settings) -> Iterator[Surface]:
    region, prices = settings.aws_region, settings.prices
    if settings.ecs_cluster:
        yield EcsServices(clients.of("ecs"), settings.ecs_cluster, prices)
    yield Configurations(clients.of("appconfig"), region, settings.appconfig_strategy)
    ec2 = clients.of("ec2")
    yield Instances(ec2, region, settings.quarantine_groups, settings.protected_instances)
    yield Volumes(ec2, region)
    yield LambdaAliases(clients.of("lambda"), region)
    yield ListenerRules(clients.of("elbv2"), region)
    yield Parameters(clients.of("ssm"), region)
    yield ScalingGroups(clients.of("autoscaling"), region, prices)
