"""Forgetting what has served its time: settled payloads, Slack deliveries, tasks, counters, alerts of closed incidents.

The log is never touched. Everything is bounded, since each pass holds the one writer of the database.
"""

from sqlalchemy import Column, ColumnElement, Table, delete, exists, func, select, tuple_

from bot.adapters.store import schema
from bot.adapters.store.parts.base import Part

_PENDING = ("pending", "due", "claimed")
_NO_ID = 2**62
# Rows of a few words, of which a busy day leaves more than of payloads.
_SMALL_ROWS = 20
_INCIDENTS_AT_ONCE = 20


class RetentionPart(Part):
    """`bot.ports.Retention` in SQL."""

    def forget(self, *, before: float, limit: int) -> int:
        """Delete settled rows that are older than `before`: at most `limit` payloads, deliveries and tasks each.

        Of small rows it is twenty times as many. Returns how many of the former; alerts stay while their incident is
        open.
        """
        raw, inbox, tasks = schema.raw_bodies, schema.inbox, schema.tasks
        waiting = select(schema.raw_pending.c.id).where(schema.raw_pending.c.tenant == self._tenant)
        # Payloads are numbered as they come: behind the first young one there is nothing to look for.
        young = select(raw.c.id).where(raw.c.tenant == self._tenant, raw.c.received_at >= before)
        end = func.coalesce(young.order_by(raw.c.id).limit(1).scalar_subquery(), _NO_ID)
        counters = (
            (schema.executions, schema.executions.c.at),
            (schema.refusals, schema.refusals.c.since),
            (schema.deliveries, schema.deliveries.c.at),
            (schema.changes, schema.changes.c.at),
        )
        for table, at in counters:
            self._forget_small(table, at, before, limit * _SMALL_ROWS)
        self._forget_alerts(before, limit * _SMALL_ROWS)
        return sum(
            self._forget(table, old, limit)
            for table, old in (
                (raw, (raw.c.received_at < before) & (raw.c.id < end) & raw.c.id.not_in(waiting)),
                (inbox, (inbox.c.received_at < before) & inbox.c.state.not_in(_PENDING)),
                (tasks, (tasks.c.due_at < before) & tasks.c.state.not_in(_PENDING)),
            )
        )

    def _forget_small(self, table: Table, at: Column[float], before: float, limit: int) -> None:
        key = list(table.primary_key.columns)
        old = select(*key).where(table.c.tenant == self._tenant, at < before).order_by(at).limit(limit)
        self._connection.execute(delete(table).where(tuple_(*key).in_(old)))

    def _forget_alerts(self, before: float, limit: int) -> None:
        """The incident's log keeps what its alerts said; the rows only serve those that may still join or end."""
        alerts, incidents = schema.alerts, schema.incidents
        theirs = (alerts.c.tenant == self._tenant) & (alerts.c.received_at < before)
        closed = (
            select(incidents.c.id)
            .where(
                incidents.c.tenant == self._tenant,
                incidents.c.open_key.is_(None),
                incidents.c.last_alert_at < before,
                exists().where(theirs, alerts.c.incident == incidents.c.id),
            )
            .order_by(incidents.c.number)
            .limit(_INCIDENTS_AT_ONCE)
        )
        names = list(self._connection.execute(closed).scalars())
        if names:
            some = select(alerts.c.fingerprint).where(theirs, alerts.c.incident.in_(names)).limit(limit)
            self._connection.execute(
                delete(alerts).where(alerts.c.tenant == self._tenant, alerts.c.fingerprint.in_(some))
            )

    def _forget(self, table: Table, old: ColumnElement[bool], limit: int) -> int:
        mine = table.c.tenant == self._tenant
        # The newest row stays, since SQLite would give its number to another one, and the log names rows by it.
        newest = select(func.max(table.c.id)).scalar_subquery()
        settled = old & (table.c.id < newest)
        ids = list(
            self._connection.execute(
                select(table.c.id).where(mine & settled).order_by(table.c.id).limit(limit)
            ).scalars()
        )
        if ids:
            self._connection.execute(delete(table).where(mine & table.c.id.in_(ids)))
        return len(ids)
