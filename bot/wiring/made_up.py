"""The graph of the services that a made-up storm is about, for warm starts."""

from bot.domain.topology import Topology

CALLS = {"caller": ("called", "beside"), "called": ("below",)}


class MadeUpGraph:
    """`bot.ports.TopologySource` of services that nobody has."""

    def topology(self, *, now: float, fresh: bool = False) -> Topology:
        """As of now."""
        _ = fresh
        return Topology(CALLS, {}, as_of=now)
