"""Executor for AWS: a closed table of boto3 calls, one attempt each, bounded time; one surface per kind of resource."""

from collections.abc import Iterator

from bot.adapters import registry
from bot.adapters.executors._aws_appconfig import Configurations
from bot.adapters.executors._aws_autoscaling import ScalingGroups
from bot.adapters.executors._aws_call import Clients, build_clients
from bot.adapters.executors._aws_ec2 import Instances, Volumes
from bot.adapters.executors._aws_ecs import EcsServices
from bot.adapters.executors._aws_lambda import LambdaAliases
from bot.adapters.executors._aws_load_balancing import ListenerRules
from bot.adapters.executors._aws_parameters import Parameters
from bot.adapters.executors._aws_rds import DbInstances
from bot.adapters.executors._aws_ssm import ManagedInstances
from bot.adapters.executors._aws_waf import IpSets
from bot.adapters.executors._surfaces import Surface, SurfaceExecutor
from bot.adapters.rds_look import Look, RdsLook, nobody_looks
from bot.adapters.ssm_look import SsmLook
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
    ec2, ssm, rds = clients.of("ec2"), clients.of("ssm"), clients.of("rds")
    yield Instances(ec2, region, settings.quarantine_groups, settings.protected_instances)
    yield Volumes(ec2, region)
    yield DbInstances(rds, RdsLook(rds, clients.of("cloudwatch"), _look(settings), prices), region)
    yield IpSets(clients.of("wafv2"), tuple(settings.waf_ip_sets.values()), settings.protected_ranges)
    yield ManagedInstances(ssm, SsmLook(ssm, settings.ssm_documents), region)
    yield LambdaAliases(clients.of("lambda"), region)
    yield ListenerRules(clients.of("elbv2"), region)
    yield Parameters(clients.of("ssm"), region)
    yield ScalingGroups(clients.of("autoscaling"), region, prices)


def _look(settings: Settings) -> Look:
    """The driver of PostgreSQL is loaded only where a database is declared."""
    dsns = settings.postgres_executor_dsns
    look: Look = registry.module("evidence", "postgresql").state_of(dsns) if dsns else nobody_looks
    return look
