"""ground: what new alerts have in common beside the map, with each other and with what open incidents said before."""

from collections.abc import Mapping, Sequence

from bot.domain.alert import Alert
from bot.domain.common_ground import CHANGE_WINDOW_S, NO_GROUND, Ground, ground_of
from bot.domain.correlation import JOIN_WINDOW_S
from bot.domain.records import IncidentRow
from bot.domain.topology import Topology
from bot.ports import Transaction

MOST_SAID = 4


def ground_between(
    tx: Transaction,
    new: Sequence[Alert],
    around: Sequence[IncidentRow],
    said: Mapping[str, frozenset[str]],
    topology: Topology,
    *,
    now: float,
) -> Ground:
    """Shared changes and shared words; the logs of open incidents are read only where somebody said something."""
    if not new:
        return NO_GROUND
    changes = tx.changes(start=now - 2 * CHANGE_WINDOW_S, end=now)
    near = [row for row in around if now - row.last_alert_at <= JOIN_WINDOW_S] if said else []
    known = [tx.incident(row.id) for row in near]
    told = [said, *(one.said for one in known if one is not None)]
    return ground_of(changes, told, len(topology.nodes()))


def kept_of(said: Mapping[str, frozenset[str]], services: Sequence[str]) -> dict[str, list[str]]:
    """What is written into the log of what these services said."""
    return {name: sorted(said[name])[:MOST_SAID] for name in sorted(set(services)) if name in said}
