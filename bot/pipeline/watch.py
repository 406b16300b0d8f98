"""watch: look at metrics, logs, queries and behaviour with no alert, and warn through the same intake as any monitor.

Read-only but for what it remembers of each service and the warnings that it writes as raw payloads: an incident is
opened, joined and ended by correlate alone. It keeps silent where an incident is open near by, since people look there.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bot.domain.alert import Alert, AlertStatus
from bot.domain.diagnosis.intrusion import intrusions
from bot.domain.logs.detect import study
from bot.domain.logs.memory import Memory
from bot.domain.records import IncidentRow, TaskKind
from bot.domain.telemetry import Behaviour, BehaviourKind, Readings
from bot.domain.topology import Topology
from bot.domain.watch.finding import Finding, Kind
from bot.domain.watch.metrics import metric_findings
from bot.domain.watch.verdict import Warned, warnings
from bot.domain.watch.warning import KIND, SOURCE, ended, firing
from bot.pipeline.collect import DEADLINE_S, collect, read_topology
from bot.ports import Clock, EvidenceSource, Store, TopologySource, Transaction

LEASE = "watch"
LEASE_S = 30.0
HISTORY_S = 2400.0
MOST_SERVICES = 300
ASKED_AT_ONCE = 10  # Services whose logs are read in one look; the others have their turn later.
SUSPECTS = 7
NEAR_HOPS = 2
MOST_ALERTS = 500  # Own warnings of one incident: one a service, so more than there are services to watch.
RECENT_BEHAVIOUR_S = 600.0
NOTEBOOK = ""  # The row of no service: until when incidents covered which one.
MOST_COVERED = 2_000
MOST_CLOSED = 50  # Newest incidents among which those are that a look never saw open.
COOL_S = 300.0  # So long after an incident nothing is said of what it covered: people have just looked.
CALM_S = 60.0  # An own warning ends after so long without its findings.


class Watched(StrEnum):
    """How a look ended."""

    QUIET = "quiet"
    WARNED = "warned"
    BUSY = "busy"
    ANOTHER_WATCHER = "another_watcher"
    NOTHING_TO_WATCH = "nothing_to_watch"


@dataclass(frozen=True, slots=True)
class WatchOutcome:
    """What came of a look: findings, warnings written, tasks to poke."""

    reason: Watched
    findings: int = 0
    warned: tuple[str, ...] = ()
    tasks: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Watch:
    """What a look needs. `metrics` are read for all services, `words` (logs, sensors) for a few at a time."""

    store: Store
    metrics: Sequence[EvidenceSource]
    words: Sequence[EvidenceSource]
    topology: TopologySource | None
    clock: Clock
    holder: str
    deadline_s: float = DEADLINE_S


@dataclass(frozen=True, slots=True)
class _Before:
    """What stood in the store before the look: open incidents, and our own warnings in them that still fire.

    `closed` are others that alerts came to not long ago: one that was open between two looks has told people, too.
    """

    incidents: tuple[IncidentRow, ...]
    closed: tuple[IncidentRow, ...]
    own: Mapping[str, tuple[Alert, ...]]
    taken_over: frozenset[str]
    ended_at: Mapping[str, float]
    topology: Topology


@dataclass(frozen=True, slots=True)
class _Looked:
    """What a look brought; `ended_at` says until when incidents covered each service, in unix seconds."""

    findings: Sequence[Finding]
    warned: Sequence[Warned]
    memories: Mapping[str, Memory]
    ended_at: Mapping[str, float]


def watch(parts: Watch) -> WatchOutcome:
    """One look; raises Retryable when the store is away."""
    now = parts.clock.now()
    if (
        parts.store.transact(lambda tx: tx.take_lease(LEASE, holder=parts.holder, now=now, ttl_s=LEASE_S))
        is None
    ):
        return WatchOutcome(Watched.ANOTHER_WATCHER)
    before = parts.store.read(lambda tx: _before(tx, now))
    if before is None:
        return WatchOutcome(Watched.BUSY)
    topology, _ = read_topology(parts.topology, before.topology, now=now)
    services = sorted(topology.nodes())[:MOST_SERVICES]
    if not services:
        return WatchOutcome(Watched.NOTHING_TO_WATCH)
    covered = _covered(before.incidents, topology)
    ended_at = {**before.ended_at, **_just_ended(before, topology), **dict.fromkeys(covered, now)}
    findings, memories = _look(parts, services, topology, ended_at, now)
    found = warnings(findings, topology, ended_at)
    warned = [one for one in found if now - ended_at.get(one.service, 0.0) >= COOL_S]
    looked = _Looked(findings, warned, memories, ended_at)
    tasks, told = parts.store.transact(lambda tx: _write(tx, before, looked, parts.clock.now()))
    reason = Watched.WARNED if told else Watched.QUIET
    return WatchOutcome(reason, len(findings), tuple(one.service for one in warned) if told else (), tasks)


def _before(tx: Transaction, now: float) -> _Before | None:
    """None where alerts wait to be correlated: what comes by itself needs no warning."""
    if tx.oldest_pending_raw() is not None:
        return None
    incidents = tuple(tx.open_incidents())
    own: dict[str, tuple[Alert, ...]] = {}
    taken_over = set()
    for row in incidents:
        # Asked for by themselves: behind a storm's alerts they would never be seen, and so never end.
        warned = tx.incident_alerts(row.id, limit=MOST_ALERTS, source=SOURCE)
        mine = tuple(one for one in warned if one.status is AlertStatus.FIRING)
        if mine:
            own[row.id] = mine
            every = tx.incident_alerts(row.id, limit=len(warned) + 1)
            if len(every) > len(warned):
                taken_over.add(row.id)
    newest = tx.all_incidents(limit=MOST_CLOSED)
    closed = tuple(row for row in newest if not row.state.open and now - row.last_alert_at < COOL_S)
    return _Before(incidents, closed, own, frozenset(taken_over), _ended_at(tx), tx.topology())


def _ended_at(tx: Transaction) -> dict[str, float]:
    """Until when an incident was on or near each service, as it was written down at each look."""
    try:
        return dict(json.loads(tx.baselines([NOTEBOOK]).get(NOTEBOOK, b"{}")))
    except ValueError:
        return {}


def _just_ended(before: _Before, topology: Topology) -> dict[str, float]:
    """At least until when each incident that was closed lately covered its services."""
    found: dict[str, float] = {}
    for row in before.closed:
        for service in _covered([row], topology):
            known = max(found.get(service, 0.0), before.ended_at.get(service, 0.0))
            found[service] = max(known, row.last_alert_at)
    return found


def _look(
    parts: Watch, services: Sequence[str], topology: Topology, ended_at: Mapping[str, float], now: float
) -> tuple[list[Finding], dict[str, Memory]]:
    read = collect(parts.metrics, services, start=now - HISTORY_S, end=now, deadline_s=parts.deadline_s)
    found = metric_findings(read.series)
    asked = _asked(parts.store, found, services, topology)
    known = parts.store.read(lambda tx: tx.baselines(asked))
    memories = {service: _memory(known.get(service)) for service in asked}
    since = min((memory.until or now - HISTORY_S for memory in memories.values()), default=now)
    start = max(now - HISTORY_S, since)
    words = (
        collect(parts.words, asked, start=start, end=now, deadline_s=parts.deadline_s)
        if parts.words
        else None
    )
    for service, memory in memories.items():
        memory.covered_at = max(memory.covered_at, ended_at.get(service, 0.0))
        if words is not None:
            lines = [line for line in words.logs if line.service == service]
            found += study(memory, lines, service=service, now=now)
            found += _behaviour(service, memory, words, now)
    return found, memories


def _asked(store: Store, found: Sequence[Finding], services: Sequence[str], topology: Topology) -> list[str]:
    """Whose words are read now: what the metrics point at and its neighbours, then whoever waited longest."""
    suspects = list(dict.fromkeys(one.service for one in found))
    near = [name for one in suspects[:SUSPECTS] for name in sorted(topology.within(one, 1))]
    first = list(dict.fromkeys([*suspects[: SUSPECTS // 2], *near]))[:SUSPECTS]
    waiting = store.read(lambda tx: tx.stalest_baselines(services, limit=ASKED_AT_ONCE))
    return list(dict.fromkeys([*first, *waiting]))[:ASKED_AT_ONCE]


def _memory(body: bytes | None) -> Memory:
    try:
        return Memory.load(body) if body else Memory()
    except (ValueError, KeyError, TypeError, AttributeError):
        return Memory()  # Written by another version; it is learned again.


def _behaviour(service: str, memory: Memory, read: Readings, now: float) -> list[Finding]:
    """Processes and connections that the workload never had, on how many instances; then they are remembered."""
    seen = [one for one in read.behaviours if one.service == service]
    known = [
        Behaviour(service, "", BehaviourKind(kind), what, by, 0.0) for kind, what, by in memory.behaviours
    ]
    odd = intrusions([*known, *seen], (), before=now - RECENT_BEHAVIOUR_S).get(service)
    if odd is None:
        remembered = {tuple(one) for one in memory.behaviours}
        fresh = {(one.kind.value, one.what, one.by) for one in seen} - remembered
        memory.behaviours += [list(one) for one in sorted(fresh)]
        return []
    words = f"{len(odd.sightings)} instances of {service} do what none of them did before"
    quote = ", ".join(
        dict.fromkeys(one for each in odd.sightings for one in (*each.processes, *each.remotes))
    )
    return [Finding(Kind.BEHAVIOUR, service, odd.strength, odd.first_at, words, quote)]


def _covered(incidents: Sequence[IncidentRow], topology: Topology) -> set[str]:
    """Services with an open incident on them or near them."""
    named = {service for row in incidents for service in row.services}
    return named | {near for service in named for near in topology.within(service, NEAR_HOPS)}


def _write(tx: Transaction, before: _Before, looked: _Looked, now: float) -> tuple[tuple[int, ...], bool]:
    """Memory, warnings and the ends of warnings in one transaction; tasks to poke, and whether a warning was written."""
    for service, memory in looked.memories.items():
        tx.save_baseline(service, memory.dump(), at=now)
    if looked.ended_at != before.ended_at:
        newest = sorted(looked.ended_at.items(), key=lambda item: (-item[1], item[0]))[:MOST_COVERED]
        tx.save_baseline(NOTEBOOK, json.dumps(dict(newest)).encode(), at=now)
    # Alerts that came in meanwhile come first: they may say the same, and need no help.
    tell = bool(looked.warned) and tx.oldest_pending_raw() is None
    tasks = [
        tx.add_task(TaskKind.INVESTIGATE, incident, "alerts joined an early warning", due_at=now)
        for incident in sorted(before.taken_over)
    ]
    for body in _ends(before, looked.findings, now):
        tx.add_raw(SOURCE, KIND, body, received_at=now)
    if tell:
        tx.add_raw(SOURCE, KIND, firing(looked.warned), received_at=now)
    return tuple(tasks), tell


def _ends(before: _Before, findings: Sequence[Finding], now: float) -> list[bytes]:
    """Payloads that end our own warnings: once other alerts say it too, or when nothing is unusual any more."""
    unusual = {one.service for one in findings}
    bodies = []
    for incident, alerts in sorted(before.own.items()):
        calm = [one for one in alerts if one.service not in unusual and now - one.received_at >= CALM_S]
        if incident in before.taken_over:
            bodies.append(ended(alerts, "alerts say it by now"))
        elif calm:
            bodies.append(ended(calm, "nothing is unusual any more"))
    return bodies
