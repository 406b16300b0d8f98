"""fold: put the alerts of a pass where they belong, and write it down part by part, each part whole by itself.

Where everything goes is decided once for the whole pass, so that a storm is one incident however many transactions it
takes; each transaction checks that what was decided on still holds. Runs in the correlator alone.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from bot.domain.alert import AlertStatus
from bot.domain.candidate import Candidate, ServiceSummary, first_candidate
from bot.domain.correlation import JoinReason
from bot.domain.errors import Conflict
from bot.domain.event import EventType, NewEvent
from bot.domain.evidence import Conclusion
from bot.domain.incident import Incident
from bot.domain.records import IncidentRow, MessageKind, StoredAlert, TaskKind
from bot.domain.severity import Judged, judge
from bot.pipeline.declare import (
    DECLARED,
    HOLD_S,
    declare,
    declare_everyday,
    declare_loose,
    judge_alerts,
    judge_services,
)
from bot.pipeline.dedupe import DedupeOutcome, Seen
from bot.pipeline.grade import grade
from bot.pipeline.ground import kept_of
from bot.pipeline.hold import SMALL, Hold
from bot.pipeline.loose import draw_out, is_loose
from bot.pipeline.place import Item, Placement
from bot.pipeline.planned import covering, outside
from bot.pipeline.regroup import merge
from bot.pipeline.usual import EVERYDAY_KEY
from bot.ports import Transaction

# All and critical firing alerts of each service of an incident; counted only where no more of a storm is pending.
_Firing: TypeAlias = Mapping[str, tuple[int, int]]
# Reading a member's value costs several times as much as looking it up.
_WORDS = {reason: reason.value for reason in JoinReason}


@dataclass(frozen=True, slots=True)
class Part:
    """One transaction's share of a pass: `rows` of `items`, the incidents that no later part touches, whether it is first."""

    items: tuple[Item, ...]
    rows: tuple[StoredAlert, ...]
    last_of: frozenset[str]
    first: bool


def parts_of(placement: Placement, batches: Sequence[Sequence[Item]]) -> list[Part]:
    """The rows that each batch of payloads writes: an alert goes with the first payload that holds it.

    What later ones say of it is in it already, and says nothing new should they be read again after a crash.
    """
    by_raw: dict[int, list[StoredAlert]] = {}
    for row in _placed(placement):
        by_raw.setdefault(placement.raw_of[row.alert.fingerprint], []).append(row)
    shares = [tuple(row for item in batch for row in by_raw.get(item.raw.id, ())) for batch in batches]
    last = {row.incident: at for at, rows in enumerate(shares) for row in rows}
    return [
        Part(tuple(batch), rows, frozenset(one for one, number in last.items() if number == at), at == 0)
        for at, (batch, rows) in enumerate(zip(batches, shares, strict=True))
    ]


def write(
    tx: Transaction, part: Part, placement: Placement, *, now: float, final: bool, observe_only: bool
) -> list[int] | None:
    """Write one part and give the new tasks; None where what the placement rests on was changed by others meanwhile.

    `final` says that nothing more is pending; until then a card that nobody has seen waits for the rest of the storm.
    """
    if not _stands(tx, part, placement):
        return None
    if part.first and not all(_absorb(tx, into, other, now) for other, into in placement.absorbed.items()):
        return None
    tasks = _open_new(tx, part, placement, now, final=final, observe_only=observe_only)
    if placement.drawn:
        draw_out(tx, placement.loose, placement.drawn, collecting=placement.collecting, now=now)
    _save_and_log(tx, part, placement, now, final=final)
    for item in part.items:
        if item.changes:
            tx.save_changes(item.raw.source, item.changes)
    tx.settle_raw([item.raw.id for item in part.items])
    return tasks


def _stands(tx: Transaction, part: Part, placement: Placement) -> bool:
    """Whether the incidents are open, and no service has left one, as it was when the pass was placed."""
    needed = dict(placement.rests_on)
    if not part.first:
        needed = {one: names for one, names in needed.items() if one not in placement.absorbed}
        begun = [*placement.opened, placement.everyday, placement.loose]
        at_hand = [one for one in begun if one and one not in needed and tx.incident_row(one) is not None]
        needed |= {
            one: tuple(placement.opened[one].by_service) if one in placement.opened else () for one in at_hand
        }
    if not needed:
        return True
    rows = {row.id: row.services for row in tx.open_incidents()}
    return all(one in rows and _holds(rows[one], names, placement) for one, names in needed.items())


def _holds(services: Sequence[str], names: Sequence[str], placement: Placement) -> bool:
    """Whether an incident still has these services, those apart that this pass itself draws out of the loose ends."""
    return services == names or set(services).union(placement.drawn).issuperset(names)


def _open_new(
    tx: Transaction, part: Part, placement: Placement, now: float, *, final: bool, observe_only: bool
) -> list[int]:
    """Declare the incidents that this part is the first to write; the tasks that look into them."""
    tasks: list[int] = []
    hold = Hold(tx, placement, now)
    planned = tx.planned_events(start=now, end=now) if placement.opened else ()
    for incident in dict.fromkeys([*(row.incident for row in part.rows), *placement.drawn.values()]):
        if incident == placement.everyday and tx.incident_row(incident) is None:
            declare_everyday(tx, incident=incident, now=now, show_at=now, observe_only=observe_only)
        if incident == placement.loose and tx.incident_row(incident) is None:
            declare_loose(tx, incident=incident, now=now, observe_only=observe_only)
        group = placement.opened.get(incident)
        if group is not None and tx.incident_row(incident) is None:
            show_at = now if final and incident in part.last_of else now + HOLD_S
            if len(group.by_service) <= SMALL:
                severity = judge_services(group.by_service).severity
                show_at = hold.until(show_at, opened_at=now, severity=severity, services=group.by_service)
            declared = declare(
                tx,
                group.by_service,
                incident=incident,
                now=now,
                show_at=show_at,
                observe_only=observe_only,
                planned=covering(planned, set(group.by_service), now),
            )
            tasks.extend([declared.task] if declared.task else [])
    return tasks


def _absorb(tx: Transaction, into: str, other: str, now: float) -> bool:
    """Merge two incidents that turned out to be one; False where the second acts by now, so that both stay."""
    one, two = tx.incident_row(into), tx.incident_row(other)
    if one is None or two is None:
        return False
    return merge(tx, one, two, reason="newer alerts connect the two", by="", now=now)


def _placed(placement: Placement) -> list[StoredAlert]:
    rows: list[StoredAlert] = []
    for fingerprint, outcome in placement.outcomes.items():
        home = placement.homes.get(fingerprint)
        if outcome.stored is not None:
            at = placement.absorbed.get(outcome.stored.incident, outcome.stored.incident)
            at = placement.drawn.get(outcome.alert.service, at) if at == placement.loose else at
            rows.append(
                outcome.stored._replace(incident=at, alert=outcome.alert, times_seen=outcome.times_seen)
            )
        elif home is not None:
            raw_id = placement.raw_of[fingerprint]
            rows.append(StoredAlert(outcome.alert, home[0], _WORDS[home[1]], outcome.times_seen, raw_id))
    return rows


def _save_and_log(tx: Transaction, part: Part, placement: Placement, now: float, *, final: bool) -> None:
    by_incident: dict[str, list[StoredAlert]] = {}
    for row in part.rows:
        by_incident.setdefault(row.incident, []).append(row)
    before = {incident: tx.incident_row(incident) for incident in by_incident}
    tx.save_alerts(part.rows)
    hold = Hold(tx, placement, now)
    for incident, members in sorted(by_incident.items()):
        routing = before[incident]
        if routing is None:
            continue
        known = tx.incident(incident)
        ends = incident in part.last_of
        # All alerts of an incident that this pass opened are at hand; of an older one the rest must be counted.
        count_all = final and incident not in placement.opened
        everything = tx.firing_by_service(incident) if ends and count_all else None
        body = _folded_body(incident, members, placement, known, everything)
        tx.append(incident, [NewEvent(EventType.ALERTS_FOLDED, body)], at_ms=round(now * 1000))
        routing = _unclosed(tx, routing)
        if routing.state.open:
            loose = is_loose(routing)
            # One that this pass opened was declared and judged by all of its alerts.
            if incident not in placement.opened:
                _widen(tx, routing, members, now)
            if ends and _is_judged(routing, known, loose=loose, opened=incident in placement.opened):
                _raise(tx, routing, members, known, now, everything)
            if ends:
                routing = tx.incident_row(incident) or routing
                at = hold.until(
                    now if final and not loose else now + HOLD_S,
                    opened_at=routing.opened_at,
                    severity=routing.severity,
                    services=routing.services,
                )
                _show(tx, routing, at, new=incident in placement.opened)


def _unclosed(tx: Transaction, before: IncidentRow) -> IncidentRow:
    """The row once the log is ours; raises Conflict where others closed or split it since this transaction read it first."""
    newest = tx.incident_row(before.id) or before
    split = newest.services != before.services and not set(newest.services).issuperset(before.services)
    if before.state.open and (split or not newest.state.open):
        message = f"incident {before.id} was closed or split while alerts were folded into it"
        raise Conflict(message)
    return newest


def _is_judged(routing: IncidentRow, known: Incident | None, *, loose: bool, opened: bool) -> bool:
    """Whether alerts may raise its severity; what a planned event quietens is always looked at for what it is not."""
    if routing.open_key == EVERYDAY_KEY or loose:
        return False
    return not opened or (known is not None and known.planned_effect != "")


def _show(tx: Transaction, routing: IncidentRow, at: float, *, new: bool) -> None:
    tx.want_message(routing.id, MessageKind.CARD, now=at)
    tx.hasten_tasks(routing.id, DECLARED, now=at)
    if new and routing.severity.own_channel:
        tx.want_message(routing.id, MessageKind.ANNOUNCEMENT, now=at)


def _folded_body(
    incident: str,
    members: Sequence[StoredAlert],
    placement: Placement,
    known: Incident | None,
    everything: _Firing | None,
) -> dict[str, object]:
    outcomes = [placement.outcomes[row.alert.fingerprint] for row in members]
    meaning = Counter([outcome.reason for outcome in outcomes])
    fresh = members
    if meaning[Seen.NEW] < len(members):
        fresh = [row for row, one in zip(members, outcomes, strict=True) if one.reason is Seen.NEW]
    candidate = _candidate(incident, placement, known, fresh, everything)
    resolved = meaning[Seen.RESOLVED]
    firing = [row.alert.status for row in members].count(AlertStatus.FIRING)
    services = [row.alert.service for row in fresh]
    return {
        "count": len(fresh),
        "firing": firing,
        "resolved": resolved,
        "repeats": len(members) - len(fresh) - resolved,
        "total": len(fresh) + (known.alerts_total if known else 0),
        "still_firing": _counted_on(known, firing, outcomes) if everything is None else _all_of(everything),
        "services": dict(Counter(services)),
        "joins": dict(Counter([row.join_reason for row in fresh])),
        "said": kept_of(placement.said, services),
        "candidate": candidate.service,
        "candidate_why": candidate.why,
        "raw_ids": sorted({row.raw_id for row in members}),
        "digest": _digest_of(members),
    }


def _digest_of(members: Sequence[StoredAlert]) -> str:
    """SHA-256 of which alerts joined and why, one to a line, sorted."""
    lines = sorted([f"{row.alert.fingerprint} {row.join_reason}" for row in members])
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()


def _counted_on(known: Incident | None, firing: int, outcomes: Sequence[DedupeOutcome]) -> int:
    """How many alerts fire after these, counted on from what the log says; the last part of a storm counts anew."""
    stored = [outcome.stored for outcome in outcomes]
    did = [one.alert.status for one in stored if one is not None].count(AlertStatus.FIRING)
    return (known.alerts_firing if known else 0) + firing - did


def _all_of(everything: _Firing) -> int:
    return sum(count for count, _ in everything.values())


def _candidate(
    incident: str,
    placement: Placement,
    known: Incident | None,
    fresh: Sequence[StoredAlert],
    everything: _Firing | None,
) -> Candidate:
    """By all alerts of this pass; with the last part of a storm that took several passes, by everything that fires."""
    if not fresh or incident == placement.loose:
        return Candidate("", "")
    here = placement.candidates.get(incident) or Candidate("", "")
    if everything is None or known is None or known.alerts_total == 0:
        return here
    at = known.opened_ms / 1000
    summaries = [
        ServiceSummary(name, count, at, bad > 0) for name, (count, bad) in sorted(everything.items())
    ]
    return first_candidate(summaries, placement.topology)


def _widen(tx: Transaction, routing: IncidentRow, members: Sequence[StoredAlert], now: float) -> None:
    services = set(routing.services) | {row.alert.service for row in members}
    tx.touch_incident(routing.id, last_alert_at=now, services=sorted(services))


def _raise(
    tx: Transaction,
    routing: IncidentRow,
    members: Sequence[StoredAlert],
    known: Incident | None,
    now: float,
    everything: _Firing | None,
) -> None:
    """Raise the severity when the alerts say so; it is never lowered here."""
    beyond = outside(known, [row.alert for row in members if row.alert.status is AlertStatus.FIRING])
    if beyond is not None and not beyond:
        return
    judged = judge_alerts(beyond) if beyond else _judged(members, known, everything)
    if judged.severity < routing.severity:
        grade(tx, routing.id, judged.severity, reason=judged.reason, now=now)
        if beyond:
            tx.add_task(TaskKind.INVESTIGATE, routing.id, "alerts beyond the planned event", due_at=now)


def _judged(members: Sequence[StoredAlert], known: Incident | None, everything: _Firing | None) -> Judged:
    """By everything that fires, since a storm may come in many drops; by these alone where it is expected load.

    While more of the storm is pending these alone are looked at too: counting all of it again and again would make
    its cost grow with its square.
    """
    expected = known and known.diagnosis and known.diagnosis.conclusion is Conclusion.EXPECTED_LOAD
    if expected or everything is None:
        return judge_alerts([row.alert for row in members if row.alert.status is AlertStatus.FIRING])
    critical = {name: bad for name, (_, bad) in everything.items()}
    return judge(critical, len(everything), _all_of(everything))
