"""Executor for AWS: a closed table of boto3 calls, one attempt each, bounded time; one surface per kind of resource."""

from bot.adapters.executors._aws_call import Clients, build_clients
from bot.adapters.executors._aws_ecs import EcsServices
from bot.adapters.executors._surfaces import SurfaceExecutor
from bot.ports import Executor
from bot.settings import Settings


class AwsExecutor(SurfaceExecutor):
    """`bot.ports.Executor` over one account and region."""

    def __init__(self, clients: Clients, cluster: str) -> None:
        super().__init__("aws", (EcsServices(clients.of("ecs"), cluster),))


def build(settings: Settings) -> Executor:
    """The executor that the settings describe; raises Permanent naming what is missing."""
    return AwsExecutor(build_clients(settings), settings.ecs_cluster)
