"""What senders told besides alerts: which deliveries were taken already, and changes. Part of `bot.ports.Intake`."""

from collections.abc import Sequence

from sqlalchemy import select

from bot.adapters.store import schema
from bot.adapters.store.parts.base import Part
from bot.domain.canonical import digest
from bot.domain.telemetry import Change, ChangeKind

_deliveries, _changes = schema.deliveries, schema.changes
_MOST_CHANGES = 2000


class DeliveriesPart(Part):
    """The replay memory and the changes in SQL."""

    def first_delivery(self, source: str, key: str, *, at: float) -> bool:
        """Remember a delivery; False where it was remembered before. Kept as long as raw payloads are."""
        row = {"tenant": self._tenant, "source": source, "key": key, "at": at}
        return self._new("first delivery", _deliveries, row)

    def save_changes(self, source: str, changes: Sequence[Change]) -> None:
        for change in changes:
            said = [source, change.service, change.kind.value, f"{change.at:.3f}", change.title, change.after]
            row = {
                "tenant": self._tenant,
                "id": digest(said),
                "source": source,
                "service": change.service,
                "kind": change.kind.value,
                "at": change.at,
                "title": change.title,
                "before": change.before,
                "after": change.after,
                "actor": change.actor,
                "link": change.link,
            }
            self._connection.execute(self._upsert(_changes).values(row).on_conflict_do_nothing())

    def changes(self, *, start: float, end: float) -> Sequence[Change]:
        """The newest changes of the window, oldest first."""
        query = (
            select(_changes)
            .where(_changes.c.tenant == self._tenant, _changes.c.at >= start, _changes.c.at <= end)
            .order_by(_changes.c.at.desc(), _changes.c.id)
            .limit(_MOST_CHANGES)
        )
        rows = list(self._connection.execute(query))
        return [
            Change(
                row.service,
                ChangeKind(row.kind),
                row.at,
                row.title,
                row.before,
                row.after,
                actor=row.actor,
                link=row.link,
            )
            for row in reversed(rows)
        ]
