"""The routing rows of incidents: which are open, where they live in Slack."""

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Row, bindparam, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from bot.adapters.store import schema
from bot.adapters.store.parts.base import Part
from bot.domain.errors import Conflict
from bot.domain.incident import IncidentState, Severity
from bot.domain.records import IncidentRow, MessageKind

_incidents = schema.incidents
_messages = schema.messages


class IncidentsPart(Part):
    """`bot.ports.Incidents` in SQL."""

    def open_incidents(self) -> Sequence[IncidentRow]:
        return [_row(row) for row in self._run("open incidents", _open)]

    def all_incidents(self, *, limit: int, up_to: int = 0) -> Sequence[IncidentRow]:
        """The newest first; with `up_to` those of that number and lower ones."""
        here = _incidents.c.tenant == self._tenant
        query = (
            select(_incidents)
            .where(here & (_incidents.c.number <= up_to) if up_to else here)
            .order_by(_incidents.c.number.desc())
            .limit(limit)
        )
        return [_row(row) for row in self._connection.execute(query)]

    def incident_row(self, incident: str) -> IncidentRow | None:
        row = self._run("incident", _one, id=incident).one_or_none()
        return None if row is None else _row(row)

    def incident_at(self, channel: str, thread_ts: str) -> IncidentRow | None:
        """The incident that owns a channel of its own, or the thread in a shared one; newest first.

        What is said below the one line about an incident is said about it too.
        """
        query = (
            select(_incidents)
            .where(
                _incidents.c.tenant == self._tenant,
                _incidents.c.channel == channel,
                _incidents.c.thread_ts.in_(["", thread_ts]),
            )
            .order_by(_incidents.c.number.desc())
            .limit(1)
        )
        row = self._connection.execute(query).one_or_none()
        if row is not None or not thread_ts:
            return None if row is None else _row(row)
        line = select(_messages.c.incident).where(
            _messages.c.tenant == self._tenant,
            _messages.c.kind == MessageKind.ANNOUNCEMENT.value,
            _messages.c.channel == channel,
            _messages.c.ts == thread_ts,
        )
        found = self._connection.execute(line.limit(1)).scalar_one_or_none()
        return None if found is None else self.incident_row(found)

    def next_number(self) -> int:
        query = select(func.coalesce(func.max(_incidents.c.number), 0)).where(
            _incidents.c.tenant == self._tenant
        )
        return int(self._connection.execute(query).scalar_one()) + 1

    def insert_incident(self, row: IncidentRow) -> None:
        """Insert; raises Conflict when the number or the open key was taken meanwhile."""
        statement = insert(_incidents).values(
            tenant=self._tenant,
            id=row.id,
            number=row.number,
            open_key=row.open_key,
            state=row.state.value,
            severity=int(row.severity),
            title=row.title,
            opened_at=row.opened_at,
            last_alert_at=row.last_alert_at,
            services=json.dumps(sorted(row.services)),
            channel=row.channel,
            thread_ts=row.thread_ts,
        )
        try:
            self._connection.execute(statement)
        except IntegrityError as error:
            message = f"incident {row.number} or its open key {row.open_key!r} exists already"
            raise Conflict(message) from error

    def touch_incident(self, incident: str, *, last_alert_at: float, services: Sequence[str]) -> None:
        self._set_incident(incident, last_alert_at=last_alert_at, services=json.dumps(sorted(services)))

    def set_state(self, incident: str, state: IncidentState) -> None:
        if state.open:
            self._set_incident(incident, state=state.value)
        else:
            self._set_incident(incident, state=state.value, open_key=None)

    def set_severity(self, incident: str, severity: Severity) -> None:
        self._set_incident(incident, severity=int(severity))

    def set_place(self, incident: str, *, channel: str, thread_ts: str) -> None:
        self._run("set place", _placing, of_id=incident, to_channel=channel, to_thread=thread_ts)

    def _set_incident(self, incident: str, **values: object) -> None:
        here = (_incidents.c.tenant == self._tenant) & (_incidents.c.id == incident)
        self._connection.execute(update(_incidents).where(here).values(**values))


def _open() -> Any:
    here = _incidents.c.tenant == bindparam("tenant")
    return select(_incidents).where(here, _incidents.c.open_key.is_not(None)).order_by(_incidents.c.number)


def _one() -> Any:
    return select(_incidents).where(
        _incidents.c.tenant == bindparam("tenant"), _incidents.c.id == bindparam("id")
    )


def _placing() -> Any:
    here = (_incidents.c.tenant == bindparam("of_tenant")) & (_incidents.c.id == bindparam("of_id"))
    return (
        update(_incidents)
        .where(here)
        .values(channel=bindparam("to_channel"), thread_ts=bindparam("to_thread"))
    )


# A storm's row is read many times between two changes, and may name thousands.
@lru_cache(maxsize=64)
def _services(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))


def _row(row: Row[Any]) -> IncidentRow:
    return IncidentRow(
        id=row.id,
        number=row.number,
        open_key=row.open_key or "",
        state=IncidentState(row.state),
        severity=Severity(row.severity),
        title=row.title,
        opened_at=row.opened_at,
        last_alert_at=row.last_alert_at,
        services=_services(row.services),
        channel=row.channel,
        thread_ts=row.thread_ts,
    )
