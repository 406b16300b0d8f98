"""From pending payloads to one incident: one correlate pass over a storm on a real SQLite file."""

import time
import uuid

from bot.adapters.monitoring.alertmanager import Alertmanager
from bot.domain.topology import Topology
from bot.pipeline.correlate import Correlation, correlate
from tests.bench import storms
from tests.bench.stores import fresh_store

BATCH = 50


class WallClock:
    def now(self) -> float:
        return time.time()


class _Graph:
    def topology(self, *, now: float, fresh: bool = False) -> Topology:
        return storms.topology()


def measure(runs: int) -> list[dict[str, object]]:
    """Microseconds an alert for 1,000 and 10,000 alerts, decoding, grouping and every row included."""
    return [_size(alerts, runs) for alerts in (1000, 10_000)]


def _size(alerts: int, runs: int) -> dict[str, object]:
    seconds = sorted(_once(alerts) for _ in range(runs))
    middle = seconds[len(seconds) // 2]
    return {"alerts": alerts, "seconds": round(middle, 3), "us_per_alert": round(middle / alerts * 1e6, 1)}


def _once(alerts: int) -> float:
    with fresh_store() as store:
        for body in storms.bodies(alerts, BATCH):
            store.transact(
                lambda tx, body=body: tx.add_raw("bench", "alertmanager", body, received_at=time.time())
            )  # type: ignore[misc]
        parts = Correlation(
            store,
            {"alertmanager": Alertmanager()},
            _Graph(),
            WallClock(),
            "bench",
            lambda: uuid.uuid4().hex,
            False,
        )
        begun = time.perf_counter()
        while correlate(parts).more:
            pass
        return time.perf_counter() - begun
