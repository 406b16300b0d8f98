"""switch: stop or allow changes for a scope; the row that the gate and the executor read, and its event, in one transaction.

Needs neither Slack nor Redis: whoever can write to the database can stop everything.
"""

from dataclasses import dataclass
from enum import StrEnum

from bot.domain.event import TENANT_CHAIN, EventType, NewEvent
from bot.domain.records import IncidentRow, MessageKind
from bot.ports import Store, Transaction

TENANT = "tenant"
_NO_NUMBER = 2**31  # No incident has such a number, and no database would take it.


class Switched(StrEnum):
    """How a switch ended."""

    SET = "set"
    LIFTED = "lifted"
    NO_SUCH_INCIDENT = "no_such_incident"
    NO_SUCH_SCOPE = "no_such_scope"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class SwitchOutcome:
    """`scope` is the name of the switch as it is stored; empty when nothing was done."""

    reason: Switched
    scope: str = ""


def switch(store: Store, scope: str, *, on: bool, by: str, now: float) -> SwitchOutcome:
    """Turn the switch of `tenant`, `service:NAME`, `action:ID` or `incident:INC-7`; `now` in unix seconds."""
    return store.transact(lambda tx: switch_in(tx, scope, on=on, by=by, now=now))


def switch_in(tx: Transaction, scope: str, *, on: bool, by: str, now: float) -> SwitchOutcome:
    """The same inside the caller's transaction."""
    stored, row = stored_scope(tx, scope)
    if isinstance(stored, Switched):
        return SwitchOutcome(stored)
    tx.set_switch(stored, on, by=by, at=now)
    at_ms = round(now * 1000)
    tx.append(
        TENANT_CHAIN, [NewEvent(EventType.SWITCH_SET, {"scope": stored, "on": on, "by": by})], at_ms=at_ms
    )
    if row is not None:
        _tell_incident(tx, row, on=on, by=by, now=now)
    return SwitchOutcome(Switched.SET if on else Switched.LIFTED, stored)


def stored_scope(tx: Transaction, scope: str) -> tuple[str | Switched, IncidentRow | None]:
    """The scope under the name that the gate asks for, with its incident, or why there is no such scope."""
    kind, _, name = scope.partition(":")
    if scope != TENANT and (kind not in ("service", "action", "incident") or not name):
        return Switched.NO_SUCH_SCOPE, None
    if kind != "incident":
        return scope, None
    row = _incident(tx, name)
    return (f"incident:{row.id}", row) if row else (Switched.NO_SUCH_INCIDENT, None)


def _incident(tx: Transaction, name: str) -> IncidentRow | None:
    number = name.upper().removeprefix("INC-")
    if not number.isdecimal() or not 0 < int(number) < _NO_NUMBER:
        return tx.incident_row(name)
    found = tx.all_incidents(limit=1, up_to=int(number))
    return next((row for row in found if row.number == int(number)), None)


def _tell_incident(tx: Transaction, row: IncidentRow, *, on: bool, by: str, now: float) -> None:
    """The incident's own log says that it was stopped, and its messages show it."""
    if on:
        tx.append(row.id, [NewEvent(EventType.STOP_REQUESTED, {"by": by})], at_ms=round(now * 1000))
    for kind in (MessageKind.CARD, MessageKind.PROPOSAL):
        if tx.message(row.id, kind) is not None:
            tx.want_message(row.id, kind, now=now)
