"""heartbeat: a source that owes a regular alert (Alertmanager's Watchdog) and falls silent is an incident itself.

The alert that it owes opens nothing and is a sign of life; the sweeper compares the last one with what is owed, and
puts an alert of ours into the intake like any other, so that it is logged, joined and resolved on the usual way.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from bot.domain.alert import Alert, AlertStatus, fingerprint_of
from bot.ports import Store, Transaction

KIND = "generic"
_BEAT = "source:"


@dataclass(frozen=True, slots=True)
class Owed:
    """What a source owes: an alert of this name, every so many seconds."""

    alert: str
    every_s: float


def is_sign_of_life(alert: Alert, owed: Mapping[str, Owed]) -> bool:
    """Whether this alert says nothing but that its source works."""
    due = owed.get(alert.source)
    return due is not None and alert.name == due.alert and alert.status is AlertStatus.FIRING


def keep_signs(tx: Transaction, sources: Sequence[str], *, now: float) -> None:
    """Remember that these sources gave a sign of life."""
    for source in dict.fromkeys(sources):
        tx.beat(f"{_BEAT}{source}", at=now)


def watch_over(store: Store, owed: Mapping[str, Owed], *, now: float) -> list[str]:
    """Put an alert into the intake for each source that fell silent, or came back; returns their names."""
    return [
        name for name, due in owed.items() if store.transact(partial(_compare, source=name, due=due, now=now))
    ]


def _compare(tx: Transaction, source: str, due: Owed, now: float) -> bool:
    last = tx.beats().get(f"{_BEAT}{source}")
    if last is None:
        keep_signs(tx, [source], now=now)  # A source that never spoke is given its time from now on.
        return False
    fingerprint = fingerprint_of(source, {"id": _identity(source)})
    stored = tx.alerts([fingerprint]).get(fingerprint)
    firing = stored is not None and stored.alert.status is AlertStatus.FIRING
    silent = now - last > due.every_s
    if silent == firing or tx.oldest_pending_raw() is not None:
        return False
    tx.add_raw(source, KIND, _body(source, due, silent=silent, since=now - last), received_at=now)
    return True


def _identity(source: str) -> str:
    return f"heartbeat of {source}"


def _body(source: str, due: Owed, *, silent: bool, since: float) -> bytes:
    said = {
        "id": _identity(source),
        "name": "HeartbeatMissing",
        "service": source,
        "severity": "critical",
        "status": "firing" if silent else "resolved",
        "summary": f"{source} owes the alert {due.alert} every {due.every_s:g} s and was silent for {since:.0f} s: "
        "it, or the way from it to here, does not work, so other alerts may be missing",
        "labels": {"heartbeat": due.alert},
    }
    return json.dumps({"alerts": [said]}).encode()
