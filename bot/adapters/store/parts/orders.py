"""Standing orders in SQL. Every move is one UPDATE ... WHERE state; a firing is one INSERT that a twin makes fail."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Row, bindparam, distinct, func, insert, select, update

from bot.adapters.store import schema
from bot.adapters.store.parts.base import Part
from bot.domain.standing_order import (
    OPEN_ORDERS,
    OrderRow,
    OrderSignature,
    OrderState,
    StandingOrder,
    TierRow,
    order_from_json,
)

_orders, _signatures, _firings, _tiers = (
    schema.standing_orders,
    schema.order_signatures,
    schema.order_firings,
    schema.tiers,
)
_FROM = {
    OrderState.LIVE: (OrderState.DRAFTED,),
    OrderState.REVOKED: OPEN_ORDERS,
    OrderState.EXPIRED: OPEN_ORDERS,
}

_log = structlog.get_logger()


class OrdersPart(Part):
    """`bot.ports.Orders` in SQL."""

    def add_order(self, order: StandingOrder) -> None:
        values = {"id": order.id, "hash": order.hash, "content": order.content}
        statement = insert(_orders).values(
            tenant=self._tenant, state=OrderState.DRAFTED.value, live_seq=0, **values
        )
        self._connection.execute(statement)

    def order(self, name: str) -> OrderRow | None:
        """One order by its id or its hash; None also where its row no longer holds one."""
        here = (_orders.c.tenant == self._tenant) & ((_orders.c.id == name) | (_orders.c.hash == name))
        row = self._connection.execute(select(_orders).where(here)).one_or_none()
        return None if row is None else self._read(row)

    def orders(self, states: Sequence[OrderState]) -> Sequence[OrderRow]:
        """Every order in one of these states, oldest first; a damaged row is left out and logged."""
        rows = self._run("orders", _in_states, states=[state.value for state in states])
        found = [self._read(row) for row in rows]
        return [row for row in found if row is not None]

    def next_order_id(self) -> str:
        """SO-1, SO-2, ...: orders are never deleted."""
        query = select(func.count()).select_from(_orders).where(_orders.c.tenant == self._tenant)
        return f"SO-{int(self._connection.execute(query).scalar_one()) + 1}"

    def move_order(self, order_hash: str, *, to: OrderState, live_seq: int = 0) -> bool:
        states = [state.value for state in _FROM[to]]
        here = (
            (_orders.c.tenant == self._tenant) & (_orders.c.hash == order_hash) & _orders.c.state.in_(states)
        )
        values: dict[str, Any] = {"state": to.value}
        if to is OrderState.LIVE:
            values["live_seq"] = live_seq
        return self._changed(update(_orders).where(here).values(**values))

    def add_signature(self, signature: OrderSignature) -> bool:
        """False when this person has signed it already."""
        statement = self._upsert(_signatures).values(tenant=self._tenant, **asdict(signature))
        return self._changed(statement.on_conflict_do_nothing())

    def signatures(self, order_hash: str) -> Sequence[OrderSignature]:
        here = (_signatures.c.tenant == self._tenant) & (_signatures.c.order_hash == order_hash)
        query = select(_signatures).where(here).order_by(_signatures.c.signed_ms, _signatures.c.signer)
        return [
            OrderSignature(
                row.order_hash, row.signer, row.team, row.channel, row.message_ts, row.signed_ms, row.nonce, row.mac
            )
            for row in self._connection.execute(query)
        ]  # fmt: skip

    def fire_order(
        self, order_hash: str, plan_hash: str, *, incident: str, targets: Sequence[str], at: float
    ) -> bool:
        """Note that the order runs this plan; False when any order has acted on one of these targets in the incident.

        The order's row is held until the commit, so that two firings count one after the other.
        """
        if not self._changed(
            update(_orders).where(self._live(order_hash)).values(live_seq=_orders.c.live_seq)
        ):
            return False
        noted = [
            self._changed(
                self._upsert(_firings)
                .values(
                    tenant=self._tenant,
                    incident=incident,
                    target=target,
                    plan_hash=plan_hash,
                    order_hash=order_hash,
                    at=at,
                )
                .on_conflict_do_nothing()
            )
            for target in sorted(set(targets))
        ]
        return bool(noted) and all(noted)

    def firings(self, order_hash: str, *, since: float) -> int:
        """How many plans the order has fired later than `since`."""
        here = (_firings.c.tenant == self._tenant) & (_firings.c.order_hash == order_hash)
        query = select(func.count(distinct(_firings.c.plan_hash))).where(here, _firings.c.at > since)
        return int(self._connection.execute(query).scalar_one())

    def set_tier(self, row: TierRow) -> None:
        values = {"tier": row.tier, "by": row.by, "seq": row.seq}
        statement = self._upsert(_tiers).values(tenant=self._tenant, scope=row.scope, **values)
        self._connection.execute(
            statement.on_conflict_do_update(index_elements=["tenant", "scope"], set_=values)
        )

    def tiers(self, scopes: Sequence[str]) -> Sequence[TierRow]:
        """The rows of these scopes; with no scope, every row."""
        query = select(_tiers).where(_tiers.c.tenant == self._tenant).order_by(_tiers.c.scope)
        if scopes:
            query = query.where(_tiers.c.scope.in_(list(scopes)))
        return [TierRow(row.scope, row.tier, row.by, row.seq) for row in self._connection.execute(query)]

    def _live(self, order_hash: str) -> ColumnElement[bool]:
        live = _orders.c.state == OrderState.LIVE.value
        return (_orders.c.tenant == self._tenant) & (_orders.c.hash == order_hash) & live

    def _read(self, row: Row[Any]) -> OrderRow | None:
        try:
            content = bytes(row.content)
            return OrderRow(order_from_json(content), content, row.hash, OrderState(row.state), row.live_seq)
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
            _flag(self._tenant, row.id)
            return None


@lru_cache(maxsize=1024)
def _flag(tenant: str, order_id: str) -> None:
    """Say once in a process that a row is damaged: the rows are read five times a second."""
    _log.error("order_row_damaged", tenant=tenant, order=order_id)


def _in_states() -> Any:
    states: Any = bindparam("states", expanding=True)
    here = (_orders.c.tenant == bindparam("tenant")) & _orders.c.state.in_(states)
    return select(_orders).where(here).order_by(func.length(_orders.c.id), _orders.c.id)
