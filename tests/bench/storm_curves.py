"""`python -m tests.bench.storm_curves [--pairs 5] [--write]`: the product and Alertmanager in turn, and how cost grows.

Alertmanager is quoted at the best of its waits in the same run. Growth is measured by size, and at the largest size by
the number of services. `--write` draws the curves into docs/.
"""

import argparse
import json
import math
import os
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.bench import storm_rival
from tests.bench.storm_intake import measured
from tests.bench.storm_load import storm

DOCS = Path(__file__).resolve().parents[2] / "docs"
# Alerts and batch of each comparison; alerts and services of each point of the growth.
PAIRED = ((10_000, 100), (50_000, 100), (10_000, 1))
SERVICES = 200
GROWTH = (
    (1000, SERVICES),
    (10_000, SERVICES),
    (50_000, SERVICES),
    (200_000, SERVICES),
    (1_000_000, 100),
    (1_000_000, 10_000),
)
BATCH = 100
WIDTH, HEIGHT, EDGE = 640, 320, 56
Point = tuple[float, float]


def main() -> int:
    """Measure, print, and draw where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--paired", type=_points, default=PAIRED, help="ALERTSxBATCH, comma-separated")
    parser.add_argument("--growth", type=_points, default=GROWTH, help="ALERTSxSERVICES, comma-separated")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    pairs = [_pairs(size, batch, given.pairs) for size, batch in given.paired]
    grown = [_grown(size, services) for size, services in given.growth]
    if given.write:
        _write(pairs, grown)
    return 0


def _points(text: str) -> tuple[tuple[int, int], ...]:
    pairs = (one.split("x") for one in text.split(",") if one)
    return tuple((int(size), int(other)) for size, other in pairs)


def _pairs(size: int, batch: int, runs: int) -> Mapping[str, Any]:
    """Medians of pairs; each pair is the product once and Alertmanager once with every wait."""
    rows = []
    for number in range(runs):
        ours = measured(storm(size, batch, services=SERVICES))
        theirs = _best(size, batch) if storm_rival.version() else {}
        rows.append({"ours": ours, "alertmanager": theirs})
        print(json.dumps({"size": size, "batch": batch, "pair": number, **rows[-1]}), flush=True)
    return {"size": size, "batch": batch, "pairs": runs, **_medians(rows)}


def _best(size: int, batch: int) -> Mapping[str, Any]:
    found = [storm_rival.measure(storm(size, batch, services=SERVICES), wait) for wait in storm_rival.WAITS]
    return min(found, key=lambda row: float(str(row["t_all_s"])))


def _medians(rows: Sequence[Mapping[str, Mapping[str, Any]]]) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for who in ("ours", "alertmanager"):
        for key in ("t_all_s", "cpu_us_per_alert", "hwm_mb", "accept_per_s"):
            values = [float(row[who][key]) for row in rows if key in row[who]]
            if values:
                said[f"{who}_{key}"] = _median(values)
    for key in ("t_all_s", "cpu_us_per_alert", "hwm_mb"):
        ratios = [row["ours"][key] / row["alertmanager"][key] for row in rows if row["alertmanager"]]
        if ratios:
            said[f"{key}_ratio"] = round(_median(ratios), 3)
    said["messages"] = _median([row["ours"]["messages"] for row in rows])
    said["foreign_pct"] = _median([row["ours"]["foreign_pct"] for row in rows])
    print(json.dumps(said), flush=True)
    return said


def _median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    return ordered[len(ordered) // 2]


def _grown(size: int, services: int) -> Mapping[str, Any]:
    row = {"size": size, "services": services, **measured(storm(size, BATCH, services=services))}
    print(json.dumps({"growth": row}), flush=True)
    return row


def _write(pairs: Sequence[Mapping[str, Any]], grown: Sequence[Mapping[str, Any]]) -> None:
    few = [row for row in grown if row["services"] <= SERVICES]
    batched = [row for row in pairs if row["batch"] == BATCH]
    ours, rival = _line(few, "cpu_us_per_alert"), _line(batched, "alertmanager_cpu_us_per_alert")
    (DOCS / "storm-cpu.svg").write_text(
        chart("CPU, microseconds an alert", {"Watchkeeper": ours, "Alertmanager": rival})
    )
    seconds, rival = _line(few, "t_all_s"), _line(batched, "alertmanager_t_all_s")
    (DOCS / "storm-seconds.svg").write_text(
        chart("Seconds until all is told", {"Watchkeeper": seconds, "Alertmanager": rival})
    )
    (DOCS / "performance.md").write_text(_page(pairs, grown))


def _line(rows: Sequence[Mapping[str, Any]], key: str) -> list[Point]:
    return [(float(row["size"]), float(row[key])) for row in rows if key in row]


def chart(title: str, lines: Mapping[str, Sequence[Point]]) -> str:
    """A line chart as SVG: sizes on a logarithmic axis, values from zero."""
    points = [point for line in lines.values() for point in line]
    low, high = min(x for x, _ in points), max(x for x, _ in points)
    top = max(y for _, y in points) * 1.15

    def place(point: Point) -> str:
        share = (math.log10(point[0]) - math.log10(low)) / max(1e-9, math.log10(high) - math.log10(low))
        x = EDGE + share * (WIDTH - 2 * EDGE)
        y = HEIGHT - EDGE - point[1] / top * (HEIGHT - 2 * EDGE)
        return f"{x:.1f},{y:.1f}"

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/><text x="{EDGE}" y="24" font-size="15">{title}</text>',
        f'<path d="M{EDGE} {EDGE - 8}V{HEIGHT - EDGE}H{WIDTH - EDGE}" fill="none" stroke="#888"/>',
    ]
    for x in sorted({x for x, _ in points}):
        at = place((x, 0.0)).split(",")[0]
        parts.append(f'<text x="{at}" y="{HEIGHT - EDGE + 18}" text-anchor="middle">{x:,.0f}</text>')
    for share in (0.25, 0.5, 0.75, 1.0):
        y = place((low, top * share)).split(",")[1]
        parts.append(f'<text x="{EDGE - 6}" y="{y}" text-anchor="end">{top * share:.3g}</text>')
    for (name, line), colour in zip(lines.items(), ("#0b6", "#c40"), strict=False):
        if not line:
            continue
        path = " ".join(place(point) for point in sorted(line))
        end = place(max(line)).split(",")
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(
            f'<text x="{end[0]}" y="{float(end[1]) - 8:.1f}" text-anchor="end" fill="{colour}">{name}</text>'
        )
    parts.append(
        f'<text x="{WIDTH - EDGE}" y="{HEIGHT - 14}" text-anchor="end">alerts in the storm</text></svg>'
    )
    return "\n".join(parts) + "\n"


def _page(pairs: Sequence[Mapping[str, Any]], grown: Sequence[Mapping[str, Any]]) -> str:
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    rival = storm_rival.version() or "not installed"
    head = [
        "# Performance",
        "",
        "How long a storm takes until one Slack message tells all of its alerts and names the cause candidate, through the",
        "product's real processes, with the durability of production; beside it Alertmanager, at the best of four group_wait",
        "settings in the same run, until its webhook has told every alert. Medians of pairs. Drawn by `make bench-curves`.",
        "",
        f"{time.strftime('%Y-%m-%d', time.gmtime())}; {machine}; Alertmanager {rival}; {SERVICES} services; other load on the machine is in the last column.",
        "",
    ]
    compared = _table(
        {
            "alerts": "size", "in a call": "batch", "pairs": "pairs", "all told, s": "ours_t_all_s", "Alertmanager, s": "alertmanager_t_all_s",
            "ratio": "t_all_s_ratio", "CPU an alert, us": "ours_cpu_us_per_alert",
            "Alertmanager, us": "alertmanager_cpu_us_per_alert", "ratio of CPU": "cpu_us_per_alert_ratio",
            "peak MB (web, correlator)": "ours_hwm_mb", "Alertmanager, MB": "alertmanager_hwm_mb", "messages": "messages",
            "foreign %": "foreign_pct",
        },
        pairs,
    )  # fmt: skip
    growth = _table(
        {
            "alerts": "size", "services": "services", "all told, s": "t_all_s", "CPU an alert, us": "cpu_us_per_alert",
            "peak MB (web, correlator)": "hwm_mb", "messages": "messages", "foreign %": "foreign_pct",
        },
        grown,
    )  # fmt: skip
    between = ["", f"How the product's cost grows, one run each, batches of {BATCH}:", ""]
    tail = [
        "",
        "![CPU an alert by storm size](storm-cpu.svg)",
        "",
        "![Seconds until all is told](storm-seconds.svg)",
        "",
        "CPU is that of every process of the product and of Valkey, from the first byte until two seconds after all was told, so the",
        "investigation is in it. Other figures: `python -m tests.bench.storm_acks` (Slack's wait for an ack while a storm comes in, calls",
        "to Slack and jobs of an incident), `python -m tests.bench.button_acks` (beside Bolt's default), `make soak MINUTES=240` (memory",
        "over hours).",
        "",
        *_memory(grown),
    ]
    return "\n".join([*head, *compared, *between, *growth, *tail])


def _memory(grown: Sequence[Mapping[str, Any]]) -> list[str]:
    """What each process holds at its peak, in the first of the runs."""
    mb = ", ".join(f"{name} {size}" for name, size in grown[0]["mb"].items())
    return [
        f"Memory of each process at its peak in a storm of {grown[0]['size']}, MB: {mb}. The correlator takes what a pass over 10,000",
        "alerts needs at its start and keeps it.",
        "",
    ]


def _table(columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """A table in Markdown; `columns` maps titles to keys."""
    lines = [list(columns), ["---"] * len(columns)]
    lines += [[str(row.get(key, "-")) for key in columns.values()] for row in rows]
    return [f"| {' | '.join(line)} |" for line in lines]


if __name__ == "__main__":
    sys.exit(main())
