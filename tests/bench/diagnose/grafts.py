"""`python -m tests.bench.diagnose.grafts --data DIR`: faults planted on incident-free recordings, with what callers feel.

Recorded faults name few services and kinds. Here every measured service that users' requests reach gets, in turn, a
delay, errors, or both at a part of its requests; each caller feels the share of its own requests that pass there.
"""

import argparse
import json
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from bot.domain.alert import Alert, AlertSeverity, AlertStatus
from bot.domain.diagnosis.engine import diagnose
from bot.domain.diagnosis.graph import Graph, cleaned
from bot.domain.telemetry import MetricSeries, Signal, Telemetry
from tests.bench.diagnose.__main__ import cases_of
from tests.bench.diagnose.case import through

NOTICED = 0.02  # Availability lost, or
SLOWER = 0.3  # a share of latency added, from which on users complain.


@dataclass(frozen=True, slots=True)
class Fault:
    """Seconds added to a call as a multiple of the service's own latency, and the share of calls that fail."""

    name: str
    slow: float
    failing: float
    from_share: float = 0.0


FAULTS = (
    Fault("delay", 10.0, 0.0),
    Fault("processor", 3.0, 0.0),
    Fault("errors", 0.0, 0.5),
    Fault("some errors", 0.0, 0.1),
    Fault("loss", 6.0, 0.15),
    Fault("delay, late", 10.0, 0.0, 0.5),
)


def quiet(data: Path) -> list[Telemetry]:
    """Incident-free windows as the engine reads them."""
    read: list[Telemetry] = []

    def remember(telemetry: Telemetry) -> Telemetry:
        read.append(telemetry)
        return telemetry

    with through(remember):
        for case in cases_of("petshop", data):
            if "noissue" in case.id:
                case.row()
    return read


def felt(graph: Graph, rates: Mapping[str, float], origin: str) -> dict[str, float]:
    """Who feels a service, and at what share of its own requests."""
    shares, ahead = {origin: 1.0}, [origin]
    while ahead:
        here = ahead.pop(0)
        for caller in graph.callers.get(here, ()):
            passing = min(1.0, rates.get(here, 0.0) / max(rates.get(caller, 0.0), 1e-9))
            share = shares[here] * passing
            if share > shares.get(caller, 0.0) + 1e-6:
                shares[caller] = share
                ahead.append(caller)
    return shares


def planted(telemetry: Telemetry, shares: Mapping[str, float], fault: Fault, added_s: float) -> Telemetry:
    """The window with the fault in it."""
    since = telemetry.opened_at + fault.from_share * (telemetry.now - telemetry.opened_at)
    draw = random.Random(f"{telemetry.opened_at} {fault.name}")

    def changed(one: MetricSeries) -> MetricSeries:
        share = shares.get(one.service, 0.0)
        if not share or one.signal not in (Signal.LATENCY, Signal.AVAILABILITY):
            return one
        values = []
        for at, value in zip(one.times, one.values, strict=True):
            some = draw.uniform(0.7, 1.3) if at >= since else 0.0
            moved = value + some * share * added_s
            if one.signal is Signal.AVAILABILITY:
                moved = value * (1.0 - min(1.0, some * share * fault.failing))
            values.append(moved)
        return replace(one, values=tuple(values))

    return replace(telemetry, series=tuple(changed(one) for one in telemetry.series))


def trials(telemetry: Telemetry) -> Iterator[tuple[str, str, Telemetry]]:
    """Fault, service and telemetry, for every service whose fault users would feel."""
    graph = cleaned(telemetry.topology)
    level = {(one.service, one.signal): sorted(one.values)[len(one.values) // 2] for one in telemetry.series}
    rates = {name: value for (name, signal), value in level.items() if signal is Signal.REQUEST_RATE}
    entry = max((one for one in rates if not graph.callers.get(one)), key=lambda one: rates[one], default="")
    for origin in sorted(graph.calls):
        shares = felt(graph, rates, origin)
        usual = level.get((origin, Signal.LATENCY))
        if usual is None or origin == entry or entry not in shares:
            continue
        for fault in FAULTS:
            added = fault.slow * usual
            late = shares[entry] * added >= SLOWER * level.get((entry, Signal.LATENCY), 1.0)
            failing = shares[entry] * fault.failing >= NOTICED
            if (late and (origin, Signal.LATENCY) in level) or (
                failing and (origin, Signal.AVAILABILITY) in level
            ):
                metric = "availability" if failing and not late else "latency"
                broken = planted(telemetry, shares, fault, added)
                yield fault.name, origin, replace(broken, alerts=(_alert(entry, metric, telemetry),))


def _alert(entry: str, metric: str, telemetry: Telemetry) -> Alert:
    since, now = telemetry.opened_at, telemetry.now
    said = f"{metric} of {entry}"
    return Alert(
        "target", "graft", metric, AlertStatus.FIRING, AlertSeverity.CRITICAL, entry, said, since, now
    )


def main() -> int:
    """Print a row for each fault and each service."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.diagnose.grafts", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--every", type=int, default=6, help="one of so many windows")
    parser.add_argument("--misses", action="store_true", help="print what went wrong")
    given = parser.parse_args()
    by: dict[str, list[int]] = {}
    told: Callable[[str], None] = print if given.misses else lambda _text: None
    for number, telemetry in enumerate(quiet(given.data)[:: given.every]):
        for fault, origin, broken in trials(telemetry):
            ranking = [one.service for one in diagnose(broken).hypotheses]
            place = ranking.index(origin) + 1 if origin in ranking else 0
            for row in (fault, origin, "all"):
                by.setdefault(row, []).append(place)
            if place != 1:
                told(f"{number} {fault} {origin}: {ranking[:3]}")
    for row, places in by.items():
        first = sum(place == 1 for place in places) / len(places)
        third = sum(0 < place <= 3 for place in places) / len(places)
        print(f"{row:60} {len(places):4} {first:5.2f} {third:5.2f}")
    print(json.dumps({"grafts": len(by.get("all", []))}))
    return 0 if by else 1


if __name__ == "__main__":
    sys.exit(main())
