"""Inventory of RDS instances by their tag `service`; what the database says itself is asked with the reader's role."""

import re
from collections.abc import Mapping
from typing import Any

from bot.adapters import registry
from bot.adapters.evidence._aws_reader import build_reader, reading
from bot.adapters.rds_look import KIND, ROLE, SERVICE, RdsLook, nobody_looks
from bot.domain.catalogue import NAME
from bot.domain.plan import Target
from bot.settings import Settings

Found = list[tuple[Target, Mapping[str, str]]]


class Rds:
    """`bot.ports.Inventory` over one region."""

    kinds: tuple[str, ...] = (KIND,)

    def __init__(self, look: RdsLook, region: str) -> None:
        self._look = look
        self._region = region

    def find(self, kind: str, service: str) -> Found:
        """Instances with exactly that tag; raises Retryable or Permanent when AWS cannot be read."""
        return self._with(kind, SERVICE, service) if re.fullmatch(NAME, service) else []

    def declared(self, kind: str, role: str) -> Found:
        """Those with the tag `watchkeeper-role`; raises like `find`."""
        return self._with(kind, ROLE, role)

    def _with(self, kind: str, tag: str, value: str) -> Found:
        if kind != KIND:
            return []
        with reading():
            tagged = [
                one for one in self._look.all() if _tags(one).get(tag) == value and SERVICE in _tags(one)
            ]
            names = {one["DBInstanceIdentifier"] for one in tagged}
            # Replicas of one that is found belong to it; whoever means the service means its primary.
            heads = [one for one in tagged if one.get("ReadReplicaSourceDBInstanceIdentifier") not in names]
            return [self._found(one) for one in heads]

    def _found(self, instance: Mapping[str, Any]) -> tuple[Target, Mapping[str, str]]:
        live = self._look.live(instance)
        name, service = str(instance["DBInstanceIdentifier"]), _tags(instance)[SERVICE]
        return Target(KIND, name, self._region, live["uid"], service), live


def _tags(instance: Mapping[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in instance.get("TagList", [])}


def build(settings: Settings) -> Rds:
    """The reader that the settings describe; raises Permanent naming what is missing."""
    reader = build_reader(settings)
    dsns = settings.postgres_reader_dsns
    look = registry.module("evidence", "postgresql").state_of(dsns) if dsns else nobody_looks
    return Rds(RdsLook(reader.of("rds"), reader.of("cloudwatch"), look, settings.prices), settings.aws_region)
