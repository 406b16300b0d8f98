"""correlate: pending payloads become alerts in incidents, each join with its reason; one pass, a few transactions.

Runs in the correlator alone: a database lease with a fencing epoch keeps a second one from deciding.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial

from bot.domain.alert import Alert, AlertSeverity, AlertStatus
from bot.domain.candidate import ServiceSummary, first_candidate
from bot.domain.canonical import digest
from bot.domain.correlation import Group, JoinReason, group_alerts
from bot.domain.errors import Conflict, Permanent, WatchkeeperError
from bot.domain.event import TENANT_CHAIN, EventType, NewEvent
from bot.domain.evidence import Conclusion
from bot.domain.records import IncidentRow, MessageKind, RawBody, StoredAlert
from bot.domain.redaction import redact
from bot.domain.severity import Judged, judge
from bot.domain.telemetry import Change
from bot.domain.topology import Topology
from bot.pipeline.declare import declare, judge_alerts
from bot.pipeline.dedupe import DedupeOutcome, Seen, dedupe
from bot.pipeline.normalize import Normalized, normalize
from bot.ports import AlertParser, Clock, Store, TopologySource, Transaction

LEASE = "correlator"
LEASE_S = 4.0
BODIES_PER_PASS = 400
BYTES_PER_PASS = 64 * 1024 * 1024
ROWS_PER_TRANSACTION = 2000
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

_Item = tuple[RawBody, tuple[Alert, ...], tuple[Change, ...]]


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
    """What a pass needs; built once per process."""

    store: Store
    parsers: Mapping[str, AlertParser]
    topology: TopologySource | None
    clock: Clock
    holder: str
    new_id: Callable[[], str]
    observe_only: bool


def correlate(parts: Correlation) -> CorrelateOutcome:
    """One pass over what is pending; the caller pokes `tasks` and comes again when `more`."""
    now = parts.clock.now()
    epoch = parts.store.transact(lambda tx: tx.take_lease(LEASE, holder=parts.holder, now=now, ttl_s=LEASE_S))
    if epoch is None:
        return CorrelateOutcome(Correlated.ANOTHER_CORRELATOR)
    pending = parts.store.read(lambda tx: tx.pending_raw(limit=BODIES_PER_PASS, most_bytes=BYTES_PER_PASS))
    if not pending:
        return CorrelateOutcome(Correlated.NOTHING_PENDING)
    readable = _read_payloads(parts, pending, now)
    topology = _topology(parts, {alert.service for _, alerts, _ in readable for alert in alerts}, now)
    fold = partial(_fold, parts=parts, topology=topology, epoch=epoch)
    tasks = _fold_all(parts.store, fold, readable, now)
    alerts = sum(len(found) for _, found, _ in readable)
    size = sum(len(raw.body) for raw in pending)
    more = len(pending) == BODIES_PER_PASS or size >= BYTES_PER_PASS
    return CorrelateOutcome(Correlated.FOLDED, len(pending), alerts, tuple(tasks), more)


def _fold_all(
    store: Store, fold: Callable[..., list[int]], readable: Sequence[_Item], now: float
) -> list[int]:
    """Fold batch by batch; where a batch fails, payload by payload, and those that fail alone are set aside.

    Where not even one payload goes in, the fault is hardly theirs: the error is raised and all stay pending.
    """
    tasks: list[int] = []
    failed: list[tuple[RawBody, Exception]] = []
    queue = _batches(readable)
    folded = False
    while queue:
        batch = queue.pop(0)
        try:
            tasks.extend(store.transact(partial(fold, batch=batch)))
            folded = True
        except _ITS_OWN_FAULT as fault:
            if len(batch) == 1:
                failed.append((batch[0][0], fault))
            else:
                queue = [[item] for item in batch] + queue
    if failed and not folded:
        raise failed[0][1]
    for raw, error in failed:
        why = redact(f"its alerts cannot be stored: {type(error).__name__}: {error}")
        store.transact(partial(_set_aside, raw=raw, why=why, now=now))
    return tasks


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


def _read_payloads(parts: Correlation, pending: Sequence[RawBody], now: float) -> list[_Item]:
    readable: list[_Item] = []
    for raw in pending:
        outcome = normalize(raw, parts.parsers)
        if outcome.reason in (Normalized.UNREADABLE, Normalized.UNKNOWN_KIND):
            parts.store.transact(partial(_set_aside, raw=raw, why=outcome.detail, now=now))
            continue
        readable.append((raw, outcome.alerts, outcome.changes))
    return readable


def _set_aside(tx: Transaction, raw: RawBody, why: str, now: float) -> None:
    if tx.fail_raw(raw.id, why, quarantine_after=QUARANTINE_AFTER):
        body = {"raw_id": raw.id, "source": raw.source, "kind": raw.kind, "why": why[:300]}
        event = NewEvent(EventType.PAYLOAD_QUARANTINED, body)
        tx.append(TENANT_CHAIN, [event], at_ms=round(now * 1000))


def _batches(readable: Sequence[_Item]) -> list[list[_Item]]:
    """Whole payloads, at most ROWS_PER_TRANSACTION alerts together; a larger payload goes alone."""
    batches: list[list[_Item]] = []
    room = 0
    for item in readable:
        size = len(item[1])
        if not batches or size > room:
            batches.append([])
            room = ROWS_PER_TRANSACTION
        batches[-1].append(item)
        room -= size
    return batches


def _fold(
    tx: Transaction, parts: Correlation, batch: Sequence[_Item], topology: Topology, epoch: int
) -> list[int]:
    now = parts.clock.now()
    if tx.take_lease(LEASE, holder=parts.holder, now=now, ttl_s=LEASE_S) != epoch:
        message = "the correlator's lease went to another process during a pass"
        raise Conflict(message)
    raw_of = {alert.fingerprint: raw.id for raw, alerts, _ in batch for alert in alerts}
    stored = tx.alerts(list(raw_of))
    rows = {row.id: row for row in tx.open_incidents()}
    outcomes = dedupe((alert for _, alerts, _ in batch for alert in alerts), stored, frozenset(rows))
    new = [outcome.alert for outcome in outcomes if outcome.reason is Seen.NEW]
    homes: dict[str, tuple[str, JoinReason]] = {}
    tasks: list[int] = []
    for group in group_alerts(new, list(rows.values()), topology, now=now):
        incident = group.incident
        if not incident:
            declared = declare(
                tx, group.alerts, incident=parts.new_id(), now=now, observe_only=parts.observe_only
            )
            incident = declared.incident
            tasks.append(declared.task)
        _remember(homes, group, incident)
    placed = _placed(outcomes, homes, raw_of)
    tx.save_alerts(placed)
    _log_folds(tx, outcomes, placed, topology, now)
    for raw, _, changes in batch:
        if changes:
            tx.save_changes(raw.source, changes)
    tx.settle_raw([raw.id for raw, _, _ in batch])
    return tasks


def _remember(homes: dict[str, tuple[str, JoinReason]], group: Group, incident: str) -> None:
    for alert in group.alerts:
        homes[alert.fingerprint] = (incident, group.reasons[alert.service])


def _placed(
    outcomes: Sequence[DedupeOutcome],
    homes: Mapping[str, tuple[str, JoinReason]],
    raw_of: Mapping[str, int],
) -> list[StoredAlert]:
    rows: list[StoredAlert] = []
    for outcome in outcomes:
        fingerprint = outcome.alert.fingerprint
        if outcome.stored is not None:
            rows.append(replace(outcome.stored, alert=outcome.alert, times_seen=outcome.times_seen))
        elif fingerprint in homes:
            incident, reason = homes[fingerprint]
            rows.append(
                StoredAlert(outcome.alert, incident, reason.value, outcome.times_seen, raw_of[fingerprint])
            )
    return rows


def _log_folds(
    tx: Transaction,
    outcomes: Sequence[DedupeOutcome],
    placed: Sequence[StoredAlert],
    topology: Topology,
    now: float,
) -> None:
    reason_of = {outcome.alert.fingerprint: outcome.reason for outcome in outcomes}
    by_incident: dict[str, list[StoredAlert]] = {}
    for row in placed:
        by_incident.setdefault(row.incident, []).append(row)
    for incident, members in sorted(by_incident.items()):
        routing = tx.incident_row(incident)
        if routing is None:
            continue
        body = _folded_body(tx, incident, members, reason_of, topology)
        tx.append(incident, [NewEvent(EventType.ALERTS_FOLDED, body)], at_ms=round(now * 1000))
        if routing.state.open:
            _keep_up(tx, routing, members, now)
            tx.want_message(incident, MessageKind.CARD, now=now)


def _folded_body(
    tx: Transaction,
    incident: str,
    members: Sequence[StoredAlert],
    reason_of: Mapping[str, Seen],
    topology: Topology,
) -> dict[str, object]:
    fresh = [row for row in members if reason_of[row.alert.fingerprint] is Seen.NEW]
    resolved = [row for row in members if reason_of[row.alert.fingerprint] is Seen.RESOLVED]
    known = tx.incident(incident)
    candidate = first_candidate(_summaries(fresh), topology)
    services: dict[str, int] = {}
    joins: dict[str, int] = {}
    for row in fresh:
        services[row.alert.service] = services.get(row.alert.service, 0) + 1
        joins[row.join_reason] = joins.get(row.join_reason, 0) + 1
    return {
        "count": len(fresh),
        "firing": sum(1 for row in members if row.alert.status is AlertStatus.FIRING),
        "resolved": len(resolved),
        "repeats": len(members) - len(fresh) - len(resolved),
        "total": len(fresh) + (known.alerts_total if known else 0),
        "still_firing": tx.firing_count(incident),
        "services": services,
        "joins": joins,
        "candidate": candidate.service,
        "candidate_why": candidate.why,
        "raw_ids": sorted({row.raw_id for row in members}),
        "digest": digest(sorted([row.alert.fingerprint, row.join_reason] for row in members)),
    }


def _summaries(rows: Sequence[StoredAlert]) -> list[ServiceSummary]:
    counts: dict[str, int] = {}
    earliest: dict[str, float] = {}
    critical: set[str] = set()
    for row in rows:
        alert = row.alert
        counts[alert.service] = counts.get(alert.service, 0) + 1
        earliest[alert.service] = min(earliest.get(alert.service, alert.starts_at), alert.starts_at)
        if alert.severity is AlertSeverity.CRITICAL:
            critical.add(alert.service)
    return [ServiceSummary(name, counts[name], earliest[name], name in critical) for name in sorted(counts)]


def _keep_up(tx: Transaction, routing: IncidentRow, members: Sequence[StoredAlert], now: float) -> None:
    """Widen the routing row, and raise the severity when the new alerts say so; it is never lowered here."""
    services = set(routing.services) | {row.alert.service for row in members}
    tx.touch_incident(routing.id, last_alert_at=now, services=sorted(services))
    judged = _judged(tx, routing.id, members)
    if judged.severity < routing.severity:
        body = {"to": int(judged.severity), "reason": judged.reason, "by": ""}
        tx.append(routing.id, [NewEvent(EventType.SEVERITY_CHANGED, body)], at_ms=round(now * 1000))
        tx.set_severity(routing.id, judged.severity)


def _judged(tx: Transaction, incident: str, members: Sequence[StoredAlert]) -> Judged:
    """By everything that fires, since a storm may come in many batches; by these alone where it is expected load."""
    known = tx.incident(incident)
    if known and known.diagnosis and known.diagnosis.conclusion is Conclusion.EXPECTED_LOAD:
        return judge_alerts([row.alert for row in members if row.alert.status is AlertStatus.FIRING])
    firing = tx.firing_by_service(incident)
    critical = {name: bad for name, (_, bad) in firing.items()}
    return judge(critical, len(firing), sum(count for count, _ in firing.values()))
