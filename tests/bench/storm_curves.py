"""`python -m tests.bench.storm_curves [--pairs 5] [--write]`: the product and Alertmanager in turn, and how cost grows with size.

Alertmanager is quoted at the best of its waits in the same run. `--write` draws the curves into docs/.
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
SIZES = (1000, 10_000, 50_000)
GROWTH = (1000, 10_000, 50_000, 200_000)
BATCH = 100
WIDTH, HEIGHT, EDGE = 640, 320, 56
Point = tuple[float, float]


def main() -> int:
    """Measure, print, and draw where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    parser.add_argument("--growth", default=",".join(map(str, GROWTH)))
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    pairs = [_pairs(size, given.pairs) for size in map(int, given.sizes.split(","))]
    grown = [_grown(size) for size in map(int, given.growth.split(","))]
    if given.write:
        _write(pairs, grown)
    return 0


def _pairs(size: int, runs: int) -> Mapping[str, Any]:
    """Medians of pairs; each pair is the product once and Alertmanager once with every wait."""
    rows = []
    for number in range(runs):
        made = storm(size, BATCH)
        ours = measured(made)
        theirs = _best(size) if storm_rival.version() else {}
        rows.append({"ours": ours, "alertmanager": theirs})
        print(json.dumps({"size": size, "pair": number, **rows[-1]}), flush=True)
    return {"size": size, "pairs": runs, **_medians(rows)}


def _best(size: int) -> Mapping[str, Any]:
    found = [storm_rival.measure(storm(size, BATCH), wait) for wait in storm_rival.WAITS]
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


def _grown(size: int) -> Mapping[str, Any]:
    row = {"size": size, **measured(storm(size, BATCH))}
    print(json.dumps({"growth": row}), flush=True)
    return row


def _write(pairs: Sequence[Mapping[str, Any]], grown: Sequence[Mapping[str, Any]]) -> None:
    ours = [(float(row["size"]), float(row["cpu_us_per_alert"])) for row in grown]
    rival = [
        (float(row["size"]), float(row["alertmanager_cpu_us_per_alert"]))
        for row in pairs
        if "alertmanager_cpu_us_per_alert" in row
    ]
    (DOCS / "storm-cpu.svg").write_text(
        chart("CPU, microseconds an alert", {"Watchkeeper": ours, "Alertmanager": rival})
    )
    seconds = [(float(row["size"]), float(row["ours_t_all_s"])) for row in pairs]
    rival = [
        (float(row["size"]), float(row["alertmanager_t_all_s"]))
        for row in pairs
        if "alertmanager_t_all_s" in row
    ]
    (DOCS / "storm-seconds.svg").write_text(
        chart("Seconds until all is told", {"Watchkeeper": seconds, "Alertmanager": rival})
    )
    (DOCS / "performance.md").write_text(_page(pairs))


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


def _page(pairs: Sequence[Mapping[str, Any]]) -> str:
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    rival = storm_rival.version() or "not installed"
    head = [
        "# Performance",
        "",
        "How long a storm takes until one Slack message tells all of its alerts and names the cause candidate, through the",
        "product's real processes, with the durability of production; beside it Alertmanager, at the best of four group_wait",
        "settings in the same run, until its webhook has told every alert. Medians of pairs. Drawn by `make bench-curves`.",
        "",
        f"{time.strftime('%Y-%m-%d', time.gmtime())}; {machine}; Alertmanager {rival}; batches of {BATCH}; other load on the machine is in the last column.",
        "",
        "| alerts | all told, s | Alertmanager, s | ratio | CPU an alert, us | Alertmanager, us | ratio | peak MB (web, correlator) | Alertmanager, MB | messages | foreign % |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    rows = [
        "| "
        + " | ".join(
            str(row.get(key, "-"))
            for key in (
                "size", "ours_t_all_s", "alertmanager_t_all_s", "t_all_s_ratio", "ours_cpu_us_per_alert",
                "alertmanager_cpu_us_per_alert", "cpu_us_per_alert_ratio", "ours_hwm_mb", "alertmanager_hwm_mb",
                "messages", "foreign_pct",
            )
        )
        + " |"
        for row in pairs
    ]  # fmt: skip
    tail = [
        "",
        "![CPU an alert by storm size](storm-cpu.svg)",
        "",
        "![Seconds until all is told](storm-seconds.svg)",
        "",
    ]
    return "\n".join([*head, *rows, *tail])


if __name__ == "__main__":
    sys.exit(main())
