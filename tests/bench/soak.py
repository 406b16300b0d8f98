"""`python -m tests.bench.soak --minutes 60`: hours of alerts through the real processes; memory stays flat, no row gets stuck.

A storm now and then, single alerts and resolves in between. One JSON line a sample, a verdict last; exit code 1 where
memory grew or something was left. The first quarter is warm-up.
"""

import argparse
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from tests.bench.storm_load import send, storm
from tests.bench.storm_meter import resident_mb
from tests.bench.storm_tree import Product, running

SAMPLE_S = 15.0
STORM_EVERY = 8  # Samples.
STORM_ALERTS, STREAM_ALERTS = 2000, 50
MOST_GROWTH = 1.10
SETTLE_S = 60.0
_LEFT = {
    "pending payloads": "SELECT count(*) FROM raw_pending",
    "quarantined payloads": "SELECT count(*) FROM raw_bodies WHERE state = 'quarantined'",
    "claimed or overdue tasks": "SELECT count(*) FROM tasks WHERE state NOT IN ('done') AND due_at < strftime('%s', 'now') - 60",
    "unsent messages": "SELECT count(*) FROM messages WHERE sent = 0 AND next_at < strftime('%s', 'now') - 60",
}


def main() -> int:
    """Run for as long as was asked and judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    given = parser.parse_args()
    calls = storm(1, 1).calls
    with (
        tempfile.TemporaryDirectory(prefix="watchkeeper-soak-", ignore_cleanup_errors=True) as folder,
        running(Path(folder), calls, WATCHKEEPER_RESOLVE_AFTER_S="20") as product,
    ):
        samples = _soak(product, given.minutes * 60)
        left = _settled(product)
    grown = _growth(samples)
    held = not left and all(share <= MOST_GROWTH for share in grown.values())
    print(json.dumps({"minutes": given.minutes, "growth": grown, "left": left, "held": held}), flush=True)
    return 0 if held else 1


def _soak(product: Product, seconds: float) -> list[Mapping[str, float]]:
    """Send and sample; the same alerts resolve a sample later, so that incidents close."""
    samples: list[Mapping[str, float]] = []
    end, number = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        began = time.monotonic()
        size = STORM_ALERTS if number % STORM_EVERY == 0 else STREAM_ALERTS
        bodies = storm(size, 100 if size == STORM_ALERTS else 1, seed=3 + number).bodies
        token, port = product.layout.secrets.source, product.layout.ports.web
        send(port, "/alerts/alertmanager", token, bodies)
        time.sleep(max(0.0, began + SAMPLE_S / 2 - time.monotonic()))
        send(port, "/alerts/alertmanager", token, [_resolved(body) for body in bodies])
        time.sleep(max(0.0, began + SAMPLE_S - time.monotonic()))
        samples.append({name: round(resident_mb(pid), 1) for name, pid in product.pids().items()})
        print(json.dumps({"sample": number, "alerts": size, "mb": samples[-1]}), flush=True)
        number += 1
    return samples


def _resolved(body: bytes) -> bytes:
    return body.replace(b'"status": "firing"', b'"status": "resolved"')


def _growth(samples: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The last quarter's mean over the second quarter's, for each process."""
    quarter = max(1, len(samples) // 4)
    early, late = samples[quarter : 2 * quarter] or samples[:1], samples[-quarter:]
    return {
        name: round(
            sum(one[name] for one in late) / len(late) / (sum(one[name] for one in early) / len(early)), 3
        )
        for name in samples[-1]
    }


def _settled(product: Product) -> dict[str, int]:
    """What is still left a while after the last alert."""
    end = time.monotonic() + SETTLE_S
    while time.monotonic() < end:
        left = _left(product)
        if not left:
            break
        time.sleep(1.0)
    return _left(product)


def _left(product: Product) -> dict[str, int]:
    with closing(
        sqlite3.connect(f"file:{product.layout.database}?mode=ro", uri=True, timeout=5)
    ) as connection:
        counts = {name: connection.execute(query).fetchone()[0] for name, query in _LEFT.items()}
    return {name: count for name, count in counts.items() if count}


if __name__ == "__main__":
    sys.exit(main())
