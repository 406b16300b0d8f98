"""correlate: pending payloads become alerts in incidents, each join with its reason; one pass, a few transactions.

Runs in the correlator alone: a database lease with a fencing epoch keeps a second one from deciding.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial

from bot.domain.entities import Names
from bot.domain.errors import Conflict, Permanent, WatchkeeperError
from bot.domain.event import TENANT_CHAIN, EventType, NewEvent
from bot.domain.records import RawBody
from bot.domain.redaction import redact
from bot.domain.redaction_screen import Screen
from bot.domain.topology import Topology
from bot.pipeline.bind import bind
from bot.pipeline.fold import Part, parts_of, write
from bot.pipeline.heartbeat import Owed, keep_signs
from bot.pipeline.normalize import Normalized, normalize
from bot.pipeline.place import Item, Placement, place
from bot.pipeline.usual import Usual
from bot.ports import AlertParser, Clock, Store, TopologySource, Transaction

LEASE = "correlator"
LEASE_S = 4.0
# A pass keeps what it has read in memory: about 10,000 alerts, or as many small payloads.
BODIES_PER_PASS = 10_000
BYTES_PER_PASS = 7 * 1024 * 1024
# Bodies are opened this many bytes at a time, and let go before the next are.
BYTES_AT_ONCE = 1024 * 1024
ROWS_PER_TRANSACTION = 5000
QUARANTINE_AFTER = 3
# What one payload's own content may raise on its way into the store.
_ITS_OWN_FAULT = (
    Permanent,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)


class Correlated(StrEnum):
    """How a pass ended."""

    FOLDED = "folded"
    NOTHING_PENDING = "nothing_pending"
    ANOTHER_CORRELATOR = "another_correlator"


@dataclass(frozen=True, slots=True)
class CorrelateOutcome:
    """What a pass did: payloads, alerts, investigations to start (task ids), whether more is pending."""

    reason: Correlated
    payloads: int = 0
    alerts: int = 0
    tasks: tuple[int, ...] = ()
    more: bool = False


@dataclass(frozen=True, slots=True)
class Correlation:
    """What a pass needs; built once per process. `breathe` lets others write between two transactions of a storm."""

    store: Store
    parsers: Mapping[str, AlertParser]
    topology: TopologySource | None
    clock: Clock
    holder: str
    new_id: Callable[[], str]
    observe_only: bool
    owed: Mapping[str, Owed] = field(default_factory=dict)
    usual: Usual | None = None
    breathe: Callable[[], None] = lambda: None


def correlate(
    parts: Correlation, look_again: Callable[[bool], bool] = lambda _found: False
) -> CorrelateOutcome:
    """One pass over what is pending; the caller pokes `tasks` and comes again when `more`.

    `look_again` may wait for the rest of a storm: it is told whether the last look found something, and payloads are
    read while it waits.
    """
    now = parts.clock.now()
    epoch = parts.store.transact(lambda tx: tx.take_lease(LEASE, holder=parts.holder, now=now, ttl_s=LEASE_S))
    if epoch is None:
        return CorrelateOutcome(Correlated.ANOTHER_CORRELATOR)
    gathered = _gather(parts, look_again)
    if not gathered.seen:
        return CorrelateOutcome(Correlated.NOTHING_PENDING)
    now = parts.clock.now()
    for raw, why in gathered.unreadable:
        parts.store.transact(partial(_set_aside, raw=raw, why=why, now=now))
    services = {alert.service for item in gathered.items for alert in item.alerts}
    topology = _topology(parts, services, now)
    items = _bound(parts, gathered.items, services, topology, now)
    tasks, stale = _fold_all(_Pass(parts, topology, epoch, final=not gathered.full), items)
    alerts = sum(len(item.alerts) for item in gathered.items)
    more = gathered.full or stale
    return CorrelateOutcome(Correlated.FOLDED, gathered.seen, alerts, tuple(tasks), more)


@dataclass(frozen=True, slots=True)
class _Gathered:
    """What a pass has read: `seen` payloads, those of them that can be used, those that cannot, and whether it is full."""

    items: list[Item]
    unreadable: list[tuple[RawBody, str]]
    seen: int
    full: bool


@dataclass(frozen=True, slots=True)
class _Pass:
    """What every transaction of a pass needs."""

    parts: Correlation
    topology: Topology
    epoch: int
    final: bool


def _gather(parts: Correlation, look_again: Callable[[bool], bool]) -> _Gathered:
    """Read pending payloads until there is no need to look again, or the pass is full."""
    items: list[Item] = []
    unreadable: list[tuple[RawBody, str]] = []
    seen, size, newest = 0, 0, 0
    screen = Screen()
    while True:
        room, most = BODIES_PER_PASS - seen, min(BYTES_AT_ONCE, BYTES_PER_PASS - size)
        before = size
        found = parts.store.read(partial(_pending, limit=room, most_bytes=most, after=newest))
        for raw, outcome in zip(found, normalize(found, parts.parsers, screen), strict=True):
            size += len(raw.body)
            newest = max(newest, raw.id)
            bare = raw.without_body()
            if outcome.reason in (Normalized.UNREADABLE, Normalized.UNKNOWN_KIND):
                unreadable.append((bare, outcome.detail))
            else:
                items.append(Item(bare, outcome.alerts, outcome.changes))
        seen += len(found)
        full = seen >= BODIES_PER_PASS or size >= BYTES_PER_PASS
        there_is_more = size - before >= most
        if full or not seen or not (there_is_more or look_again(bool(found))):
            return _Gathered(items, unreadable, seen, full)


def _pending(tx: Transaction, *, limit: int, most_bytes: int, after: int) -> Sequence[RawBody]:
    return tx.pending_raw(limit=limit, most_bytes=most_bytes, after=after)


def _fold_all(here: _Pass, readable: Sequence[Item]) -> tuple[list[int], bool]:
    """Fold the pass; where it fails, payload by payload, and those that fail alone are set aside.

    Where not even one payload goes in, the fault is hardly theirs: the error is raised and all stay pending. The second
    value says that an incident was closed meanwhile, so that the rest must be placed anew.
    """
    tasks: list[int] = []
    failed: list[tuple[RawBody, Exception]] = []
    lots = [list(readable)] if readable else []
    folded = False
    while lots:
        lot = lots.pop(0)
        done = 0
        try:
            for part, placement in _parts(here, lot):
                opened = here.parts.store.transact(partial(_write, here=here, part=part, placement=placement))
                if opened is None:
                    return tasks, True
                tasks.extend(opened)
                done += len(part.items)
                folded = True
        except _ITS_OWN_FAULT as fault:
            if len(lot) == 1:
                failed.append((lot[0].raw, fault))
            else:
                lots = [[item] for item in lot[done:]] + lots
    if failed and not folded:
        raise failed[0][1]
    now = here.parts.clock.now()
    for raw, error in failed:
        why = redact(f"its alerts cannot be stored: {type(error).__name__}: {error}")
        here.parts.store.transact(partial(_set_aside, raw=raw, why=why, now=now))
    return tasks, False


def _parts(here: _Pass, lot: Sequence[Item]) -> Iterator[tuple[Part, Placement]]:
    now = here.parts.clock.now()
    placement = here.parts.store.read(
        lambda tx: place(tx, lot, here.topology, now=now, new_id=here.parts.new_id, usual=here.parts.usual)
    )
    for number, part in enumerate(parts_of(placement, _batches(lot))):
        if number:
            here.parts.breathe()
        yield part, placement


def _write(tx: Transaction, here: _Pass, part: Part, placement: Placement) -> list[int] | None:
    parts, now = here.parts, here.parts.clock.now()
    if tx.take_lease(LEASE, holder=parts.holder, now=now, ttl_s=LEASE_S) != here.epoch:
        message = "the correlator's lease went to another process during a pass"
        raise Conflict(message)
    return write(tx, part, placement, now=now, final=here.final, observe_only=parts.observe_only)


def _bound(
    parts: Correlation, items: Sequence[Item], services: set[str], topology: Topology, now: float
) -> list[Item]:
    """The items with services as the graph names them; signs of life are kept, and are no alerts."""
    known = topology.nodes()
    if not parts.owed and known.issuperset(services):
        return list(items)
    names = Names(known)
    bound: list[Item] = []
    signs: set[str] = set()
    for item in items:
        alerts, signed = bind(item.alerts, names, parts.owed)
        bound.append(item._replace(alerts=alerts) if alerts is not item.alerts else item)
        signs |= signed
    if signs:
        parts.store.transact(lambda tx: keep_signs(tx, sorted(signs), now=now))
    return bound


def _topology(parts: Correlation, services: set[str], now: float) -> Topology:
    """The newest graph; the stored one where the source is away, which degrades grouping but never stops it.

    A graph that does not know an alerting service is read again, since services come and go.
    """
    if parts.topology is None:
        return parts.store.read(lambda tx: tx.topology())
    try:
        fresh = parts.topology.topology(now=now)
        if not services <= fresh.nodes():
            fresh = parts.topology.topology(now=now, fresh=True)
    except WatchkeeperError:
        return parts.store.read(lambda tx: tx.topology())
    known = parts.store.read(lambda tx: tx.topology())
    if fresh.calls != known.calls:
        parts.store.transact(lambda tx: tx.save_topology(fresh))
    return fresh


def _set_aside(tx: Transaction, raw: RawBody, why: str, now: float) -> None:
    if tx.fail_raw(raw.id, why, quarantine_after=QUARANTINE_AFTER):
        body = {"raw_id": raw.id, "source": raw.source, "kind": raw.kind, "why": why[:300]}
        event = NewEvent(EventType.PAYLOAD_QUARANTINED, body)
        tx.append(TENANT_CHAIN, [event], at_ms=round(now * 1000))


def _batches(readable: Sequence[Item]) -> list[list[Item]]:
    """Whole payloads, at most ROWS_PER_TRANSACTION alerts together; a larger payload goes alone."""
    batches: list[list[Item]] = []
    room = 0
    for item in readable:
        size = len(item.alerts)
        if not batches or size > room:
            batches.append([])
            room = ROWS_PER_TRANSACTION
        batches[-1].append(item)
        room -= size
    return batches
