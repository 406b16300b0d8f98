"""Forgetting what has served its time: settled payloads, Slack deliveries, tasks, counters. The log is never touched."""

from sqlalchemy import ColumnElement, Table, delete, func, select

from bot.adapters.store import schema
from bot.adapters.store.parts.base import Part

_PENDING = ("pending", "due", "claimed")


class RetentionPart(Part):
    """`bot.ports.Retention` in SQL."""

    def forget(self, *, before: float, limit: int) -> int:
        """Delete at most `limit` settled rows of each kind that are older than `before`; returns how many."""
        raw, inbox, tasks = schema.raw_bodies, schema.inbox, schema.tasks
        counters = (
            (schema.executions, schema.executions.c.at),
            (schema.refusals, schema.refusals.c.since),
            (schema.deliveries, schema.deliveries.c.at),
            (schema.changes, schema.changes.c.at),
        )
        for table, at in counters:
            self._connection.execute(delete(table).where(table.c.tenant == self._tenant, at < before))
        return sum(
            self._forget(table, at < before, limit)
            for table, at in ((raw, raw.c.received_at), (inbox, inbox.c.received_at), (tasks, tasks.c.due_at))
        )

    def _forget(self, table: Table, old: ColumnElement[bool], limit: int) -> int:
        mine = table.c.tenant == self._tenant
        # The newest row stays, since SQLite would give its number to another one, and the log names rows by it.
        newest = select(func.max(table.c.id)).scalar_subquery()
        settled = table.c.state.not_in(_PENDING) & old & (table.c.id < newest)
        ids = list(
            self._connection.execute(
                select(table.c.id).where(mine & settled).order_by(table.c.id).limit(limit)
            ).scalars()
        )
        if ids:
            self._connection.execute(delete(table).where(mine & table.c.id.in_(ids)))
        return len(ids)
