"""usual: alerts that fire on any day go to one quiet incident a day, counted and seen, and wake nobody.

Only what was learned over at least a day is usual, never a critical alert, and never several rare things together.
Learning lives in the correlator and is kept in the database every minute.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from bot.domain.alert import Alert, AlertSeverity
from bot.domain.everyday import DAY_S, Everyday, Onsets
from bot.domain.records import IncidentRow
from bot.ports import Transaction

EVERYDAY_KEY = "everyday"
EVERYDAY_TITLE = "Everyday alerts"
KEEP_EVERY_S = 60.0
_KIND = attrgetter("service", "name")


@dataclass(slots=True)
class Usual:
    """What the correlator has learned of any day; `kept_at` is when it was last written down."""

    everyday: Everyday = field(default_factory=Everyday)
    kept_at: float = 0.0

    def surprises(self, alerts: Iterable[Alert], now: float) -> dict[str, float]:
        """Learn the onsets of these alerts; how surprising each signature is."""
        signatures = sorted(_signatures(alerts))
        return {one: self.everyday.surprise(one, now) or 0.0 for one in signatures}

    def is_everyday(self, alerts: Sequence[Alert], surprises: dict[str, float], now: float) -> bool:
        """Whether nothing about a group is worth an incident of its own."""
        if not self.everyday.learned_days(now) or any(
            one.severity is AlertSeverity.CRITICAL for one in alerts
        ):
            return False
        return sum(surprises[one] for one in _signatures(alerts)) < Onsets.WORTH_SHOWING

    def unkept(self, now: float) -> bool:
        """Whether it is time to write down what was learned: once a minute."""
        return abs(now - self.kept_at) >= KEEP_EVERY_S

    def keep(self, tx: Transaction, now: float) -> None:
        """Write down what was learned."""
        tx.save_everyday(json.dumps(self.everyday.snapshot()), at=now)
        self.kept_at = now


def remembered(tx: Transaction) -> Usual:
    """What was learned before this process began."""
    text = tx.everyday()
    return Usual(Everyday.restored(json.loads(text))) if text else Usual()


def _signatures(alerts: Iterable[Alert]) -> set[str]:
    """What alerts say and where, without what differs from pod to pod."""
    return {f"{service}\0{name}" for service, name in set(map(_KIND, alerts))}


def quiet_row(rows: Iterable[IncidentRow], now: float) -> str:
    """The open incident of the day's everyday alerts, or an empty string."""
    return next((row.id for row in rows if row.open_key == EVERYDAY_KEY and now - row.opened_at < DAY_S), "")
