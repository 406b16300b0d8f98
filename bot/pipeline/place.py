"""place: decide for a whole pass where each alert belongs, and why. Reads only; `fold` writes it down."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from bot.domain.alert import Alert, is_critical
from bot.domain.candidate import Candidate, ServiceSummary, first_candidate
from bot.domain.common_ground import sayings
from bot.domain.correlation import Group, JoinReason, group_alerts
from bot.domain.records import RawBody
from bot.domain.telemetry import Change
from bot.domain.topology import Topology
from bot.pipeline.dedupe import DedupeOutcome, Seen, dedupe
from bot.pipeline.ground import ground_between
from bot.pipeline.loose import is_loose, loose_row, told_apart
from bot.pipeline.regroup import is_acting
from bot.pipeline.usual import EVERYDAY_KEY, Usual, quiet_row
from bot.ports import Transaction


class Item(NamedTuple):
    """One readable payload: its row (without the body), its alerts and its changes."""

    raw: RawBody
    alerts: tuple[Alert, ...]
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Placement:
    """Where each alert of a pass goes; `rests_on` are the incidents, with their services, that must still be open then.

    `loose` is the incident of loose ends that takes some (`collecting`) or gives some: `drawn` says where each service
    goes whose alerts were there.
    """

    outcomes: Mapping[str, DedupeOutcome]
    homes: Mapping[str, tuple[str, JoinReason]]
    opened: Mapping[str, Group]
    raw_of: Mapping[str, int]
    rests_on: Mapping[str, Sequence[str]]
    topology: Topology
    candidates: Mapping[str, Candidate]
    absorbed: Mapping[str, str]
    everyday: str = ""
    said: Mapping[str, frozenset[str]] = field(default_factory=dict)
    loose: str = ""
    collecting: bool = False
    drawn: Mapping[str, str] = field(default_factory=dict)


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
    for item in reversed(items):
        raw_of.update(dict.fromkeys([alert.fingerprint for alert in item.alerts], item.raw.id))
    stored = tx.alerts(list(raw_of))
    rows = {row.id: row for row in tx.open_incidents()}
    outcomes = dedupe((alert for item in items for alert in item.alerts), stored, frozenset(rows))
    quiet = quiet_row(rows.values(), now)
    kept = {row.id for row in rows.values() if row.open_key == EVERYDAY_KEY}
    outcomes = [_judged_anew(one, kept) for one in outcomes] if kept else outcomes
    new = [outcome.alert for outcome in outcomes if outcome.reason is Seen.NEW]
    surprises = usual.surprises(new, now) if usual is not None else {}
    loose = loose_row(rows.values(), now)
    around = [row for row in rows.values() if row.open_key != EVERYDAY_KEY and not is_loose(row)]
    said = sayings(new, topology.nodes())
    beside = [*around, loose] if loose is not None else around
    ground = ground_between(tx, new, beside, said, topology, now=now)
    groups = group_alerts(new, around, topology, now=now, taught=tx.taught(), ground=ground, loose=loose)
    begun = [group for group in groups if not group.incident]
    usually = [usual is not None and usual.is_everyday(group.alerts, surprises, now) for group in begun]
    daily = [group for group, yes in zip(begun, usually, strict=True) if yes]
    rest = [group for group, yes in zip(begun, usually, strict=True) if not yes]
    own, aside = told_apart(tx, rest, loose, now)
    opened = {new_id(): group for group in own}
    everyday = (quiet or new_id()) if daily else ""
    bag = (loose.id if loose is not None else new_id()) if aside else ""
    placed = {group.incident: group for group in groups if group.incident} | opened
    homes: dict[str, tuple[str, JoinReason]] = {}
    for group in daily:
        homes.update((alert.fingerprint, (everyday, JoinReason.EVERYDAY)) for alert in group.alerts)
    for group in aside:
        homes.update((alert.fingerprint, (bag, JoinReason.LOOSE)) for alert in group.alerts)
    candidates: dict[str, Candidate] = {}
    for incident, group in placed.items():
        summaries = _summaries(group.by_service)
        candidates[incident] = _with_age(first_candidate(summaries, topology), topology, now)
        for service, alerts in group.by_service.items():
            home = incident, group.reasons[service]
            homes.update(dict.fromkeys([alert.fingerprint for alert in alerts], home))
    absorbed = {
        other: incident
        for incident, group in placed.items()
        for other in group.absorbs
        if not is_acting(tx, other)
    }
    drawn = {name: incident for incident, group in placed.items() for name in group.draws}
    known = {one.stored.incident for one in outcomes if one.stored is not None}
    used = {everyday, bag, loose.id if loose is not None and drawn else ""}
    rests_on = ((known | set(candidates) | used) & set(rows)) | absorbed.keys()
    return Placement(
        {outcome.alert.fingerprint: outcome for outcome in outcomes},
        homes,
        opened,
        raw_of,
        {incident: rows[incident].services for incident in rests_on},
        topology,
        candidates,
        absorbed,
        everyday,
        said,
        loose.id if loose is not None else bag,
        bool(bag),
        drawn,
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


def _summaries(by_service: Mapping[str, Sequence[Alert]]) -> list[ServiceSummary]:
    """One for each service, whose alerts are in the order of their starts."""
    return [
        ServiceSummary(name, len(alerts), alerts[0].starts_at, any(map(is_critical, alerts)))
        for name, alerts in sorted(by_service.items())
    ]
