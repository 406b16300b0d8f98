"""Executor for AWS: a closed table of boto3 calls, one attempt each, bounded time; one surface per kind of resource."""

from collections.abc import Callable, Mapping

import boto3

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
from bot.adapters.executors._aws_scoped import ScopedExecutor
from bot.adapters.executors._aws_session import Sessions
from bot.adapters.executors._aws_ssm import ManagedInstances
from bot.adapters.executors._aws_waf import IpSets
from bot.adapters.executors._surfaces import Surface, SurfaceExecutor
from bot.adapters.rds_look import Look, RdsLook, nobody_looks
from bot.adapters.ssm_look import SsmLook
from bot.ports import Executor
from bot.settings import Settings


class AwsExecutor(SurfaceExecutor):
    """`bot.ports.Executor` over one account and region; with `kind` over its targets alone."""

    def __init__(self, clients: Clients, settings: Settings, kind: str = "") -> None:
        made = _surfaces(clients, settings)
        super().__init__("aws", [make() for of, make in made.items() if kind in ("", of)])


def build(settings: Settings) -> Executor:
    """The executor that the settings describe; raises Permanent naming what is missing."""
    clients = build_clients(settings)
    if not settings.aws_executor_role:
        return AwsExecutor(clients, settings)
    region, endpoint = settings.aws_region, settings.aws_endpoint_url

    def within(session: boto3.Session, kind: str) -> Executor:
        return AwsExecutor(Clients(session, region, endpoint), settings, kind)

    return ScopedExecutor(Sessions(clients.of("sts"), settings.aws_executor_role, region), within)


def _surfaces(clients: Clients, settings: Settings) -> Mapping[str, Callable[[], Surface]]:
    """How the surface of each kind is made; a client is made with it."""
    region, prices, of = settings.aws_region, settings.prices, clients.of
    groups, protected = settings.quarantine_groups, settings.protected_instances
    made: dict[str, Callable[[], Surface]] = {
        Configurations.kind: lambda: Configurations(of("appconfig"), region, settings.appconfig_strategy),
        Instances.kind: lambda: Instances(of("ec2"), region, groups, protected),
        Volumes.kind: lambda: Volumes(of("ec2"), region),
        DbInstances.kind: lambda: _databases(clients, settings),
        IpSets.kind: lambda: IpSets(
            of("wafv2"), tuple(settings.waf_ip_sets.values()), settings.protected_ranges
        ),
        ManagedInstances.kind: lambda: _managed(clients, settings),
        LambdaAliases.kind: lambda: LambdaAliases(of("lambda"), region),
        ListenerRules.kind: lambda: ListenerRules(of("elbv2"), region),
        Parameters.kind: lambda: Parameters(of("ssm"), region),
        ScalingGroups.kind: lambda: ScalingGroups(of("autoscaling"), region, prices),
    }
    if settings.ecs_cluster:
        made[EcsServices.kind] = lambda: EcsServices(of("ecs"), settings.ecs_cluster, prices)
    return made


def _databases(clients: Clients, settings: Settings) -> Surface:
    rds = clients.of("rds")
    look = RdsLook(rds, clients.of("cloudwatch"), _look(settings), settings.prices)
    return DbInstances(rds, look, settings.aws_region)


def _managed(clients: Clients, settings: Settings) -> Surface:
    ssm = clients.of("ssm")
    return ManagedInstances(ssm, SsmLook(ssm, settings.ssm_documents), settings.aws_region)


def _look(settings: Settings) -> Look:
    """The driver of PostgreSQL is loaded only where a database is declared."""
    dsns = settings.postgres_executor_dsns
    look: Look = registry.module("evidence", "postgresql").state_of(dsns) if dsns else nobody_looks
    return look
