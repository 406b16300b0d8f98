"""The chained event log: optimistic append, read, fold."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, insert, select, update

from bot.adapters.store import schema
from bot.adapters.store.parts.base import Part
from bot.domain.errors import Conflict
from bot.domain.event import GENESIS, Event, NewEvent, opened, seal
from bot.domain.incident import Incident
from bot.domain.incident_fold import fold
from bot.domain.redaction import redact_tree

_events, _chains = schema.events, schema.chains
# Made by ourselves and compared by hash or by value later.
_AS_IT_IS = frozenset(
    {"plan", "plan_hash", "order_hash", "standing_order", "token", "digest", "sha256", "prompt_sha256"}
)


class LogPart(Part):
    """`bot.ports.Log` in SQL."""

    def append(self, chain: str, events: Sequence[NewEvent], *, at_ms: int) -> Sequence[Event]:
        """Append, redacted; raises Conflict when another writer moved the head, which `transact` answers by running again."""
        seq, mac = self.head(chain) or (0, GENESIS)
        sealed: list[Event] = []
        for new in events:
            previous = sealed[-1].mac if sealed else mac
            sealed.append(
                seal(
                    self._keys.audit,
                    previous,
                    tenant=self._tenant,
                    chain=chain,
                    seq=seq + len(sealed) + 1,
                    at_ms=at_ms,
                    new=NewEvent(new.type, redact_tree(new.body, keep=_AS_IT_IS)),
                )
            )
        if not sealed:
            return sealed
        self._move_head(chain, seq, sealed[-1])
        rows = [
            {"tenant": self._tenant, "chain": chain, "seq": e.seq, "record": e.record, "mac": e.mac}
            for e in sealed
        ]
        self._connection.execute(self._made("new events", lambda: insert(_events)), rows)
        return sealed

    def _move_head(self, chain: str, seq: int, last: Event) -> None:
        if seq == 0:
            first = self._upsert(_chains).values(tenant=self._tenant, chain=chain, seq=last.seq, mac=last.mac)
            moved = self._changed(first.on_conflict_do_nothing())
        else:
            moved = self._touched("move head", _moved, of_chain=chain, was=seq, to=last.seq, by=last.mac)
        if not moved:
            message = f"another writer appended to {chain} first"
            raise Conflict(message)

    def events(self, chain: str, *, after: int = 0) -> Sequence[Event]:
        return [opened(record, mac) for record, mac in self._run("events", _after, chain=chain, after=after)]

    def incident(self, incident: str) -> Incident | None:
        return fold(self.events(incident))

    def chains(self) -> Sequence[str]:
        query = select(_chains.c.chain).where(_chains.c.tenant == self._tenant).order_by(_chains.c.chain)
        return list(self._connection.execute(query).scalars())

    def head(self, chain: str) -> tuple[int, bytes] | None:
        row = self._run("head", _head, chain=chain).one_or_none()
        return None if row is None else (row.seq, row.mac)


def _after() -> Any:
    return (
        select(_events.c.record, _events.c.mac)
        .where(
            _events.c.tenant == bindparam("tenant"),
            _events.c.chain == bindparam("chain"),
            _events.c.seq > bindparam("after"),
        )
        .order_by(_events.c.seq)
    )


def _head() -> Any:
    here = (_chains.c.tenant == bindparam("tenant")) & (_chains.c.chain == bindparam("chain"))
    return select(_chains.c.seq, _chains.c.mac).where(here)


def _moved() -> Any:
    here = (_chains.c.tenant == bindparam("of_tenant")) & (_chains.c.chain == bindparam("of_chain"))
    return (
        update(_chains)
        .where(here & (_chains.c.seq == bindparam("was")))
        .values(seq=bindparam("to"), mac=bindparam("by"))
    )
