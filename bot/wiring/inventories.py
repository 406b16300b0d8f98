"""Every live inventory that the settings name, with the reader's credentials: for the worker and for a rehearsal."""

from bot.adapters import registry
from bot.adapters.evidence import ecs, kubernetes
from bot.ports import Inventory
from bot.settings import Settings


def inventories(settings: Settings) -> list[Inventory]:
    """All of them; raises Permanent naming what one that is configured lacks."""
    clusters: list[Inventory] = [kubernetes.build(settings)] if settings.kube_reader_config else []
    cluster = settings.aws_reader_credentials and settings.ecs_cluster
    accounts: list[Inventory] = [ecs.build(settings)] if cluster else []
    return [*clusters, *accounts, *looked_up(settings)]


def looked_up(settings: Settings) -> list[Inventory]:
    """Those that are no evidence too, by the settings that name what they read."""
    names = []
    if settings.aws_reader_credentials:
        names += ["aws_resources", "ec2", "rds"]
        names += ["ssm"] if settings.ssm_documents else []
        names += ["waf"] if settings.waf_ip_sets else []
    if settings.jvm_reader_token_file is not None:
        names.append("jvm")
    if settings.postgres_reader_dsns:
        names.append("postgresql")
    return [registry.module("evidence", name).build(settings) for name in names]
