"""fold: put the alerts of a pass where they belong, and write it down part by part, each part whole by itself.

Where everything goes is decided once for the whole pass, so that a storm is one incident however many transactions it
takes; each transaction checks that what was decided on still holds. Runs in the correlator alone.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from bot.domain.alert import Alert, AlertSeverity, AlertStatus
from bot.domain.candidate import Candidate, ServiceSummary, first_candidate
from bot.domain.canonical import digest
from bot.domain.common_ground import sayings
from bot.domain.correlation import Group, JoinReason, group_alerts
from bot.domain.event import EventType, NewEvent
from bot.domain.evidence import Conclusion
from bot.domain.incident import Incident
from bot.domain.records import IncidentRow, MessageKind, RawBody, StoredAlert, TaskKind
from bot.domain.severity import Judged, judge
from bot.domain.telemetry import Change
from bot.domain.topology import Topology
from bot.pipeline.declare import DECLARED, declare, declare_everyday, judge_alerts
from bot.pipeline.dedupe import DedupeOutcome, Seen, dedupe
from bot.pipeline.grade import grade
from bot.pipeline.ground import ground_between, kept_of
from bot.pipeline.planned import covering, outside
from bot.pipeline.regroup import merge
from bot.pipeline.usual import EVERYDAY_KEY, Usual, quiet_row
from bot.ports import Transaction

# A card that nobody has seen, and the first investigation, wait so long for the rest of their storm.
HOLD_S = 2.5
# Reading a member's value costs several times as much as looking it up.
_WORDS = {reason: reason.value for reason in JoinReason}


class Item(NamedTuple):
    """One readable payload: its row (without the body), its alerts and its changes."""

    raw: RawBody
    alerts: tuple[Alert, ...]
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Placement:
    """Where each alert of a pass goes; `rests_on` are the incidents that must still be open when it is written."""

    outcomes: Mapping[str, DedupeOutcome]
    homes: Mapping[str, tuple[str, JoinReason]]
    opened: Mapping[str, Group]
    raw_of: Mapping[str, int]
    rests_on: frozenset[str]
    topology: Topology
    candidates: Mapping[str, Candidate]
    absorbed: Mapping[str, str]
    everyday: str = ""
    said: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Part:
    """One transaction's share of a pass: `rows` of `items`, and the incidents that no later part touches."""

    items: tuple[Item, ...]
    rows: tuple[StoredAlert, ...]
    last_of: frozenset[str]


def place(
    tx: Transaction,
    items: Sequence[Item],
    topology: Topology,
    *,
    now: float,
    new_id: Callable[[], str],
    usual: Usual | None = None,
) -> Placement:
    """Decide for the whole pass; reads only."""
    raw_of: dict[str, int] = {}
    for item in items:
        raw_of.update(dict.fromkeys([alert.fingerprint for alert in item.alerts], item.raw.id))
    stored = tx.alerts(list(raw_of))
    rows = {row.id: row for row in tx.open_incidents()}
    outcomes = dedupe((alert for item in items for alert in item.alerts), stored, frozenset(rows))
    quiet = quiet_row(rows.values(), now)
    kept = {row.id for row in rows.values() if row.open_key == EVERYDAY_KEY}
    outcomes = [_judged_anew(one, kept) for one in outcomes] if kept else outcomes
    new = [outcome.alert for outcome in outcomes if outcome.reason is Seen.NEW]
    homes: dict[str, tuple[str, JoinReason]] = {}
    opened: dict[str, Group] = {}
    candidates: dict[str, Candidate] = {}
    absorbed: dict[str, str] = {}
    surprises = usual.surprises(new, now) if usual is not None else {}
    around = [row for row in rows.values() if row.open_key != EVERYDAY_KEY]
    everyday = ""
    said = sayings(new, topology.nodes())
    ground = ground_between(tx, new, around, said, topology, now=now)
    for group in group_alerts(new, around, topology, now=now, taught=tx.taught(), ground=ground):
        incident = group.incident
        if usual is not None and not incident and usual.is_everyday(group.alerts, surprises, now):
            everyday = everyday or quiet or new_id()
            homes.update((one.fingerprint, (everyday, JoinReason.EVERYDAY)) for one in group.alerts)
            continue
        if not incident:
            incident = new_id()
            opened[incident] = group
        absorbed.update(dict.fromkeys(group.absorbs, incident))
        candidates[incident] = _with_age(first_candidate(_summaries(group.alerts), topology), topology, now)
        home_of = {service: (incident, reason) for service, reason in group.reasons.items()}
        homes.update([(alert.fingerprint, home_of[alert.service]) for alert in group.alerts])
    known = {one.stored.incident for one in outcomes if one.stored is not None}
    rests_on = ((known | set(candidates) | {everyday}) & set(rows)) - absorbed.keys()
    by_fingerprint = {outcome.alert.fingerprint: outcome for outcome in outcomes}
    return Placement(
        by_fingerprint,
        homes,
        opened,
        raw_of,
        frozenset(rests_on),
        topology,
        candidates,
        absorbed,
        everyday,
        said,
    )


def _judged_anew(outcome: DedupeOutcome, kept: set[str]) -> DedupeOutcome:
    """An everyday alert that fires again may be no everyday matter this time."""
    if outcome.reason is Seen.FIRED_AGAIN and outcome.stored is not None and outcome.stored.incident in kept:
        return outcome._replace(reason=Seen.NEW, stored=None)
    return outcome


def _with_age(candidate: Candidate, topology: Topology, now: float) -> Candidate:
    """The candidate with what must be known of the map that it rests on."""
    said = topology.said_of_age(now) if candidate.service else ""
    return replace(candidate, why=f"{candidate.why} ({said})") if said else candidate


def parts_of(placement: Placement, batches: Sequence[Sequence[Item]]) -> list[Part]:
    """The rows that each batch of payloads writes: an alert goes with the last payload that holds it."""
    by_raw: dict[int, list[StoredAlert]] = {}
    for row in _placed(placement):
        by_raw.setdefault(placement.raw_of[row.alert.fingerprint], []).append(row)
    shares = [tuple(row for item in batch for row in by_raw.get(item.raw.id, ())) for batch in batches]
    last = {row.incident: at for at, rows in enumerate(shares) for row in rows}
    return [
        Part(tuple(batch), rows, frozenset(one for one, number in last.items() if number == at))
        for at, (batch, rows) in enumerate(zip(batches, shares, strict=True))
    ]


def write(
    tx: Transaction, part: Part, placement: Placement, *, now: float, final: bool, observe_only: bool
) -> list[int] | None:
    """Write one part and give the new tasks; None where an incident that the placement rests on was closed.

    `final` says that nothing more is pending; until then a card that nobody has seen waits for the rest of the storm.
    """
    if placement.rests_on:
        still_open = {row.id for row in tx.open_incidents()}
        if not placement.rests_on <= still_open:
            return None
    for other, into in placement.absorbed.items():
        _absorb(tx, into, other, now)
    tasks = _open_new(tx, part, placement, now, final=final, observe_only=observe_only)
    tx.save_alerts(part.rows)
    _log_folds(tx, part, placement, now, final=final)
    for item in part.items:
        if item.changes:
            tx.save_changes(item.raw.source, item.changes)
    tx.settle_raw([item.raw.id for item in part.items])
    return tasks


def _open_new(
    tx: Transaction, part: Part, placement: Placement, now: float, *, final: bool, observe_only: bool
) -> list[int]:
    """Declare the incidents that this part is the first to write; the tasks that look into them."""
    tasks: list[int] = []
    planned = tx.planned_events(start=now, end=now) if placement.opened else ()
    for incident in dict.fromkeys(row.incident for row in part.rows):
        if incident == placement.everyday and tx.incident_row(incident) is None:
            declare_everyday(tx, incident=incident, now=now, show_at=now, observe_only=observe_only)
        group = placement.opened.get(incident)
        if group is not None and tx.incident_row(incident) is None:
            show_at = now if final and incident in part.last_of else now + HOLD_S
            declared = declare(
                tx,
                group.alerts,
                incident=incident,
                now=now,
                show_at=show_at,
                observe_only=observe_only,
                planned=covering(planned, {alert.service for alert in group.alerts}, now),
            )
            tasks.extend([declared.task] if declared.task else [])
    return tasks


def _absorb(tx: Transaction, into: str, other: str, now: float) -> None:
    """Merge two incidents that turned out to be one; where the second acts already, both stay."""
    rows = tx.incident_row(into), tx.incident_row(other)
    if rows[0] is not None and rows[1] is not None:
        merge(tx, rows[0], rows[1], reason="newer alerts connect the two", by="", now=now)


def _placed(placement: Placement) -> list[StoredAlert]:
    rows: list[StoredAlert] = []
    for fingerprint, outcome in placement.outcomes.items():
        home = placement.homes.get(fingerprint)
        if outcome.stored is not None:
            at = placement.absorbed.get(outcome.stored.incident, outcome.stored.incident)
            rows.append(
                outcome.stored._replace(incident=at, alert=outcome.alert, times_seen=outcome.times_seen)
            )
        elif home is not None:
            raw_id = placement.raw_of[fingerprint]
            rows.append(StoredAlert(outcome.alert, home[0], _WORDS[home[1]], outcome.times_seen, raw_id))
    return rows


def _log_folds(tx: Transaction, part: Part, placement: Placement, now: float, *, final: bool) -> None:
    by_incident: dict[str, list[StoredAlert]] = {}
    for row in part.rows:
        by_incident.setdefault(row.incident, []).append(row)
    for incident, members in sorted(by_incident.items()):
        routing = tx.incident_row(incident)
        if routing is None:
            continue
        known = tx.incident(incident)
        ends = incident in part.last_of
        # All alerts of an incident that this pass opened are at hand; of an older one the rest must be counted.
        count_all = final and incident not in placement.opened
        body = _folded_body(tx, incident, members, placement, known, exact=ends and count_all)
        tx.append(incident, [NewEvent(EventType.ALERTS_FOLDED, body)], at_ms=round(now * 1000))
        if routing.state.open:
            _widen(tx, routing, members, now)
            if ends and routing.open_key != EVERYDAY_KEY:
                _raise(tx, routing, members, known, now, by_all=count_all)
            if ends:
                _show(tx, routing, now if final else now + HOLD_S, new=incident in placement.opened)


def _show(tx: Transaction, routing: IncidentRow, at: float, *, new: bool) -> None:
    tx.want_message(routing.id, MessageKind.CARD, now=at)
    tx.hasten_tasks(routing.id, DECLARED, now=at)
    if new and routing.severity.own_channel:
        tx.want_message(routing.id, MessageKind.ANNOUNCEMENT, now=at)


def _folded_body(
    tx: Transaction,
    incident: str,
    members: Sequence[StoredAlert],
    placement: Placement,
    known: Incident | None,
    *,
    exact: bool,
) -> dict[str, object]:
    outcomes = [placement.outcomes[row.alert.fingerprint] for row in members]
    meaning = Counter([outcome.reason for outcome in outcomes])
    fresh = members
    if meaning[Seen.NEW] < len(members):
        fresh = [row for row, one in zip(members, outcomes, strict=True) if one.reason is Seen.NEW]
    candidate = _candidate(tx, incident, placement, known, fresh, exact=exact)
    resolved = meaning[Seen.RESOLVED]
    return {
        "count": len(fresh),
        "firing": [row.alert.status for row in members].count(AlertStatus.FIRING),
        "resolved": resolved,
        "repeats": len(members) - len(fresh) - resolved,
        "total": len(fresh) + (known.alerts_total if known else 0),
        "still_firing": tx.firing_count(incident) if exact else _firing(known, outcomes),
        "services": dict(Counter([row.alert.service for row in fresh])),
        "joins": dict(Counter([row.join_reason for row in fresh])),
        "said": kept_of(placement.said, [row.alert.service for row in fresh]),
        "candidate": candidate.service,
        "candidate_why": candidate.why,
        "raw_ids": sorted({row.raw_id for row in members}),
        "digest": digest(sorted([row.alert.fingerprint, row.join_reason] for row in members)),
    }


def _firing(known: Incident | None, outcomes: Sequence[DedupeOutcome]) -> int:
    """How many alerts fire after these, counted on from what the log says; the last part of a storm counts anew."""
    change = 0
    for outcome in outcomes:
        was = outcome.stored is not None and outcome.stored.alert.status is AlertStatus.FIRING
        change += (outcome.alert.status is AlertStatus.FIRING) - was
    return (known.alerts_firing if known else 0) + change


def _candidate(
    tx: Transaction,
    incident: str,
    placement: Placement,
    known: Incident | None,
    fresh: Sequence[StoredAlert],
    *,
    exact: bool,
) -> Candidate:
    """By all alerts of this pass; with the last part of a storm that took several passes, by everything that fires."""
    if not fresh:
        return Candidate("", "")
    here = placement.candidates.get(incident) or Candidate("", "")
    if not exact or known is None or known.alerts_total == 0:
        return here
    at = known.opened_ms / 1000
    firing = tx.firing_by_service(incident)
    summaries = [ServiceSummary(name, count, at, bad > 0) for name, (count, bad) in sorted(firing.items())]
    return first_candidate(summaries, placement.topology)


def _summaries(alerts: Sequence[Alert]) -> list[ServiceSummary]:
    """One for each service of a group, whose alerts are in the order of their starts."""
    counts = Counter([alert.service for alert in alerts])
    earliest = {alert.service: alert.starts_at for alert in reversed(alerts)}
    critical = {alert.service for alert in alerts if alert.severity is AlertSeverity.CRITICAL}
    return [ServiceSummary(name, counts[name], earliest[name], name in critical) for name in sorted(counts)]


def _widen(tx: Transaction, routing: IncidentRow, members: Sequence[StoredAlert], now: float) -> None:
    services = set(routing.services) | {row.alert.service for row in members}
    tx.touch_incident(routing.id, last_alert_at=now, services=sorted(services))


def _raise(
    tx: Transaction,
    routing: IncidentRow,
    members: Sequence[StoredAlert],
    known: Incident | None,
    now: float,
    *,
    by_all: bool,
) -> None:
    """Raise the severity when the alerts say so; it is never lowered here."""
    beyond = outside(known, [row.alert for row in members if row.alert.status is AlertStatus.FIRING])
    if beyond is not None and not beyond:
        return
    judged = judge_alerts(beyond) if beyond else _judged(tx, routing.id, members, known, by_all=by_all)
    if judged.severity < routing.severity:
        grade(tx, routing.id, judged.severity, reason=judged.reason, now=now)
        if beyond:
            tx.add_task(TaskKind.INVESTIGATE, routing.id, "alerts beyond the planned event", due_at=now)


def _judged(
    tx: Transaction, incident: str, members: Sequence[StoredAlert], known: Incident | None, *, by_all: bool
) -> Judged:
    """By everything that fires, since a storm may come in many drops; by these alone where it is expected load.

    While more of the storm is pending these alone are looked at too: counting all of it again and again would make
    its cost grow with its square.
    """
    expected = known and known.diagnosis and known.diagnosis.conclusion is Conclusion.EXPECTED_LOAD
    if expected or not by_all:
        return judge_alerts([row.alert for row in members if row.alert.status is AlertStatus.FIRING])
    firing = tx.firing_by_service(incident)
    critical = {name: bad for name, (_, bad) in firing.items()}
    return judge(critical, len(firing), sum(count for count, _ in firing.values()))
