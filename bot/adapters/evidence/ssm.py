"""Inventory of instances that SSM manages and that carry the tag `service`."""

import re
from collections.abc import Mapping
from typing import Any

from bot.adapters.evidence._aws_reader import build_reader, reading
from bot.adapters.ssm_look import KIND, SsmLook
from bot.domain.catalogue import NAME
from bot.domain.plan import Target
from bot.settings import Settings

Found = list[tuple[Target, Mapping[str, str]]]


class Ssm:
    """`bot.ports.Inventory` over one region."""

    kinds: tuple[str, ...] = (KIND,)

    def __init__(self, look: SsmLook, region: str) -> None:
        self._look = look
        self._region = region

    def find(self, kind: str, service: str) -> Found:
        """Instances with exactly that tag; raises Retryable or Permanent when AWS cannot be read."""
        if kind != KIND or not re.fullmatch(NAME, service):
            return []
        with reading():
            return [self._found(one, service) for one in self._look.managed("tag:service", service)]

    def declared(self, kind: str, role: str) -> Found:
        """None: SSM does not tell the service of an instance that is found by another tag."""
        return []

    def _found(self, information: Mapping[str, Any], service: str) -> tuple[Target, Mapping[str, str]]:
        live = self._look.live(information)
        return Target(KIND, live["uid"], self._region, live["uid"], service), live


def build(settings: Settings) -> Ssm:
    """The reader that the settings describe; raises Permanent naming what is missing."""
    reader = build_reader(settings)
    return Ssm(SsmLook(reader.of("ssm"), settings.ssm_documents), settings.aws_region)
