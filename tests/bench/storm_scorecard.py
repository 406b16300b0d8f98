"""`python -m tests.bench.storm_scorecard`: how the product groups generated storms and names their cause, as a table.

Alerts arrive in passes of a quarter second, as in the correlator; dedupe, grouping and candidate are the product's own.
Precision and recall count pairs of alerts: those that were put together and belong together. Noise belongs to nothing.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from bot.domain.alert import Alert, AlertStatus
from bot.domain.candidate import ServiceSummary, rank_candidates
from bot.domain.correlation import group_alerts
from bot.domain.incident import IncidentState, Severity
from bot.domain.parting import parted
from bot.domain.records import IncidentRow, StoredAlert
from bot.pipeline.dedupe import Seen, dedupe
from bot.pipeline.part import places_of
from tests.bench.storm_generator import KINDS, Storm, storm

PASS_S = 0.25
SIZES = ((10, 100), (200, 2000), (1000, 10_000), (10_000, 100_000))


@dataclass(slots=True)
class _Desk:
    """The correlator's memory, without a database."""

    rows: dict[str, IncidentRow] = field(default_factory=dict)
    stored: dict[str, StoredAlert] = field(default_factory=dict)
    home: dict[str, str] = field(default_factory=dict)
    members: dict[str, list[str]] = field(default_factory=dict)
    opened: int = 0

    def take(self, alerts: Sequence[Alert], case: Storm, now: float) -> None:
        outcomes = dedupe(alerts, self.stored, frozenset(self.rows))
        for one in outcomes:
            if one.stored is not None:
                self.stored[one.alert.fingerprint] = one.stored._replace(
                    alert=one.alert, times_seen=one.times_seen
                )
        new = [one.alert for one in outcomes if one.reason is Seen.NEW]
        for group in group_alerts(new, list(self.rows.values()), case.topology, now=now):
            home = group.incident or self._open(now)
            self._fold(home, group.alerts, now)
            self._absorb(home, group.absorbs)

    def _absorb(self, home: str, others: Sequence[str]) -> None:
        for other in others:
            row = self.rows[home]
            self.rows[home] = replace(row, services=(*row.services, *self.rows.pop(other).services))
            moved = self.members.pop(other)
            self.members[home] += moved
            for one in moved:
                self.home[one] = home
                self.stored[one] = self.stored[one]._replace(incident=home)

    def part(self, case: Storm) -> None:
        """What the correlator does once a storm has settled: stories that nothing connects become incidents."""
        for row in list(self.rows.values()):
            mine = [self.stored[one].alert for one in self.members[row.id]]
            counts = Counter(alert.service for alert in mine if alert.status is AlertStatus.FIRING)
            found = parted(
                [ServiceSummary(name, count, 0.0) for name, count in counts.items()],
                case.topology,
                places_of(mine),
            )
            for cause in found.causes[1:] if found is not None else ():
                own = self._open(0.0)
                for alert in mine:
                    if found is not None and found.part_of.get(alert.service) == cause:
                        self.home[alert.fingerprint] = own

    def _open(self, now: float) -> str:
        number = self.opened = self.opened + 1
        self.rows[str(number)] = IncidentRow(
            str(number), number, str(number), IncidentState.INVESTIGATING, Severity.SEV3, "", now, now, ()
        )
        return str(number)

    def _fold(self, incident: str, alerts: Sequence[Alert], now: float) -> None:
        row = self.rows[incident]
        services = tuple({*row.services, *(alert.service for alert in alerts)})
        self.rows[incident] = replace(row, services=services, last_alert_at=now)
        for alert in alerts:
            self.home[alert.fingerprint] = incident
            self.members.setdefault(incident, []).append(alert.fingerprint)
            self.stored[alert.fingerprint] = StoredAlert(alert, incident, "", 1, 0)


def passes(case: Storm) -> Iterator[tuple[float, list[Alert]]]:
    batch: list[Alert] = []
    ends = 0.0
    for alert in sorted(case.alerts, key=lambda one: one.received_at):
        if batch and alert.received_at > ends:
            yield ends, batch
            batch = []
        if not batch:
            ends = alert.received_at + PASS_S
        batch.append(alert)
    if batch:
        yield ends, batch


def pairs(counts: Counter[object]) -> int:
    return sum(number * (number - 1) // 2 for number in counts.values())


def score(case: Storm) -> dict[str, object]:
    """One storm through the product's own correlation."""
    desk = _Desk()
    begun = time.process_time()
    for now, batch in passes(case):
        desk.take(batch, case, now)
    desk.part(case)
    grouped = time.process_time() - begun
    real = {one: fault for one, fault in case.belongs.items() if fault and one in desk.home}
    together = Counter(desk.home.values())
    right: Counter[object] = Counter((desk.home[one], fault) for one, fault in real.items())
    truth: Counter[object] = Counter(real.values())
    first, third = _named(case, desk, real)
    return {
        "precision": round(pairs(right) / max(1, pairs(Counter(together))), 4),
        "recall": round(pairs(right) / max(1, pairs(truth)), 4),
        "top1": first,
        "top3": third,
        "incidents": len(desk.rows),
        "seconds": round(grouped, 3),
    }


def _named(case: Storm, desk: _Desk, real: dict[str, str]) -> tuple[float, float]:
    """Share of the faults whose cause is named first, and among three, by the incident that holds most of them."""
    first = third = 0
    for fault, causes in case.causes.items():
        homes = Counter(desk.home[one] for one, told in real.items() if told == fault)
        home = homes.most_common(1)[0][0]
        counts = Counter(
            case_alert.alert.service
            for case_alert in desk.stored.values()
            if desk.home[case_alert.alert.fingerprint] == home
            and case_alert.alert.status is AlertStatus.FIRING
        )
        ranked = rank_candidates(
            [ServiceSummary(name, count, 0.0) for name, count in counts.items()], case.topology
        )
        first += bool(causes & {one.service for one in ranked[:1]})
        third += bool(causes & {one.service for one in ranked[:3]})
    return first / len(case.causes), third / len(case.causes)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="1-10", help="A-B, both included")
    parser.add_argument("--most-services", type=int, default=1000)
    parser.add_argument("--kind", choices=sorted(KINDS), action="append")
    given = parser.parse_args()
    low, high = (int(one) for one in given.seeds.split("-"))
    for services, alerts in SIZES:
        if services > given.most_services:
            continue
        for kind in given.kind or KINDS:
            seeds = range(low, high + 1)
            rows = [score(storm(kind, seed=seed, services=services, alerts=alerts)) for seed in seeds]
            mean = {
                name: round(sum(float(str(row[name])) for row in rows) / len(rows), 3) for name in rows[0]
            }
            print(
                json.dumps(
                    {"kind": kind, "services": services, "alerts": alerts, "seeds": len(rows), **mean}
                ),
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
