"""Every live inventory that the settings name, with the reader's credentials: for the worker and for a rehearsal."""

from typing import Protocol

from bot.adapters import registry
from bot.adapters.evidence import kubernetes
from bot.ports import EvidenceSource, Inventory
from bot.settings import Settings


def inventories(settings: Settings) -> list[Inventory]:
    """All of them; raises Permanent naming what one that is configured lacks."""
    clusters: list[Inventory] = [kubernetes.build(settings)] if settings.kube_reader_config else []
    return [*clusters, *accounts(settings), *looked_up(settings)]


class Account(EvidenceSource, Inventory, Protocol):
    """What is both: evidence, and where targets are found."""


def accounts(settings: Settings) -> list[Account]:
    """Those on AWS that are evidence too; its library, twenty megabytes, is loaded only where there is one."""
    if not settings.aws_reader_credentials:
        return []
    names = ["ecs", "aws_resources"] if settings.ecs_cluster else ["aws_resources"]
    return [registry.module("evidence", name).build(settings) for name in names]


def looked_up(settings: Settings) -> list[Inventory]:
    """Those that are no evidence too, by the settings that name what they read."""
    names = []
    if settings.aws_reader_credentials:
        names += ["ec2", "rds"]
        names += ["ssm"] if settings.ssm_documents else []
        names += ["waf"] if settings.waf_ip_sets else []
    if settings.jvm_reader_token_file is not None:
        names.append("jvm")
    if settings.postgres_reader_dsns:
        names.append("postgresql")
    return [registry.module("evidence", name).build(settings) for name in names]
