"""Inventory of JVMs: which services have a management door, and how full their heaps are."""

from collections.abc import Mapping

from bot.adapters.jolokia import Jolokia, opened
from bot.domain.plan import Target
from bot.settings import Settings

_KIND = "jvm.service"
_SCOPE = "jolokia"
Found = list[tuple[Target, Mapping[str, str]]]


class Jvm:
    """`bot.ports.Inventory` over the services' management doors."""

    kinds: tuple[str, ...] = (_KIND,)

    def __init__(self, door: Jolokia) -> None:
        self._door = door

    def find(self, kind: str, service: str) -> Found:
        """The service's JVMs as one target; none where it has no door. Raises Retryable or Permanent."""
        live = self._door.live(service) if kind == _KIND else None
        return [] if live is None else [(Target(_KIND, service, _SCOPE, live["uid"], service), live)]

    def declared(self, kind: str, role: str) -> Found:
        """None: a JVM has no label to declare it by."""
        return []


def build(settings: Settings) -> Jvm:
    """The reader that the settings describe; raises Permanent naming what is missing."""
    settings.require("reading JVMs", ["jvm_url", "jvm_reader_token_file"])
    return Jvm(opened(settings.jvm_url, settings.jvm_reader_token_file))
