"""hold: while a storm goes on, the card of a small incident that has just begun waits: mostly the storm takes it in.

A storm that comes at once is told at once, with what stands beside it; one goes on that an earlier pass has opened.
Its rows are written as ever, and its first investigation waits with its card. One that is merged away before anybody saw
its card posts nothing. Severe incidents, and all of them while there is no storm, are shown at once.
"""

from collections.abc import Collection
from dataclasses import dataclass

from bot.domain.incident import Severity
from bot.domain.records import IncidentRow
from bot.pipeline.place import Placement
from bot.pipeline.usual import EVERYDAY_KEY
from bot.ports import Transaction

STORM_HOLD_S = 8.0
# A storm is an incident of so many services that had an alert so lately; a small one has no more than so many.
STORM_SERVICES, STORM_QUIET_S, SMALL = 10, 5.0, 2


@dataclass(slots=True)
class Hold:
    """Of one write; the open incidents are read once, and only where something small is to be shown."""

    tx: Transaction
    placement: Placement
    now: float
    _storm: bool | None = None

    def until(self, at: float, *, opened_at: float, severity: Severity, services: Collection[str]) -> float:
        """When to show it at the earliest, where it would be shown `at`."""
        ends_at = opened_at + STORM_HOLD_S
        if at >= ends_at or severity.own_channel or len(services) > SMALL or not self._stormy():
            return at
        return ends_at

    def _stormy(self) -> bool:
        if self._storm is None:
            rows = self.tx.open_incidents()
            before = [
                row for row in rows if row.id not in self.placement.opened and row.open_key != EVERYDAY_KEY
            ]
            self._storm = any(map(self._rages, before))
        return self._storm

    def _rages(self, row: IncidentRow) -> bool:
        return len(row.services) >= STORM_SERVICES and self.now - row.last_alert_at <= STORM_QUIET_S
