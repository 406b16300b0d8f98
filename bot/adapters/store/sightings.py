"""The newest payload of each source, for people who set a source up; read by the command line, no part of the port."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, select

from bot.adapters.store import schema
from bot.adapters.store.sql import SqlStore


@dataclass(frozen=True, slots=True)
class Sighting:
    """How many payloads of a source are kept, and the newest one; `at` in unix seconds."""

    payloads: int
    at: float
    state: str
    note: str


def newest(store: SqlStore) -> Mapping[str, Sighting]:
    """By source name; sources that never sent anything are absent."""
    raw, waiting = schema.raw_bodies, schema.raw_pending
    mine = raw.c.tenant == store.tenant
    counted = (
        select(raw.c.source, func.count(raw.c.id), func.max(raw.c.id)).where(mine).group_by(raw.c.source)
    )
    found = {}
    with store.engine.connect() as connection:
        for source, payloads, newest_id in connection.execute(counted).all():
            query = select(raw.c.received_at, raw.c.state, raw.c.note).where(raw.c.id == newest_id)
            row = connection.execute(query).one()
            waits = connection.execute(
                select(waiting.c.id).where(waiting.c.tenant == store.tenant, waiting.c.id == newest_id)
            ).first()
            state = "pending" if waits else "done" if row.state == "stored" else row.state
            found[source] = Sighting(payloads, row.received_at, state, row.note)
    return found
