"""Log detectors on recorded shops, minute by minute: what they find near faults, and what far from any.

A look reads one service's new lines, as the watcher does. Near is from four minutes before to five after a fault was
noticed; the times are read for the count only.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bot.domain.logs.detect import study
from bot.domain.logs.memory import Memory
from bot.domain.telemetry import LogLine
from bot.domain.watch.finding import Finding
from tests.bench.diagnose.sets import nezha

FIRST_S, LOOK_S = 600.0, 60.0
BEFORE_S, AFTER_S = 240.0, 300.0


def log_looks(data: Path) -> dict[str, Any]:
    """Looks and findings by kind, near faults and far from them."""
    looks: Counter[str] = Counter()
    found: dict[str, Counter[str]] = {"near_faults": Counter(), "quiet": Counter()}
    faults, seen = 0, 0
    for path in sorted(data.rglob("cases.json")):
        noticed = [float(row["detected_at"]) for row in json.loads(path.read_text(encoding="utf-8"))]
        caught: set[float] = set()
        services: dict[str, list[LogLine]] = {}
        for line in nezha._lines(path.parent):
            services.setdefault(line.service, []).append(line)
        for service in sorted(services):
            for now, findings in _looks(service, sorted(services[service], key=lambda line: line.at)):
                near = {at for at in noticed if -BEFORE_S <= now - at <= AFTER_S}
                where = "near_faults" if near else "quiet"
                looks[where] += 1
                found[where].update({one.kind.value for one in findings})
                caught |= near if findings else set()
        faults, seen = faults + len(noticed), seen + len(caught)
    return {
        "looks": dict(looks),
        "findings": {where: dict(kinds) for where, kinds in found.items()},
        "faults": faults,
        "faults_with_a_finding": seen,
    }


def _looks(service: str, lines: Sequence[LogLine]) -> Iterator[tuple[float, list[Finding]]]:
    memory, place = Memory(), 0
    now = lines[0].at + FIRST_S
    while place < len(lines):
        end = next((at for at in range(place, len(lines)) if lines[at].at > now), len(lines))
        yield now, study(memory, lines[place:end], service=service, now=now)
        place, now = end, now + LOOK_S
