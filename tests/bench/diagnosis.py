"""The engine on synthetic telemetry: one faulty service in a tree, all signals, 40 minutes."""

import random
import time

from bot.adapters.monitoring.alertmanager import Alertmanager
from bot.domain.diagnosis.engine import diagnose
from bot.domain.telemetry import MetricSeries, Signal, Telemetry
from tests.bench import storms

POINTS = 240
NOW = 1_800_000_000.0


def measure(runs: int) -> list[dict[str, object]]:
    """Milliseconds a diagnosis by number of services."""
    rows = []
    for services in (25, 100):
        telemetry = _telemetry(services)
        seconds = []
        for _ in range(runs):
            begun = time.perf_counter()
            found = diagnose(telemetry)
            assert found.hypotheses[0].service == "svc-003", found
            seconds.append(time.perf_counter() - begun)
        series = len(telemetry.series)
        rows.append(
            {
                "services": services,
                "series": series,
                "milliseconds": round(sorted(seconds)[runs // 2] * 1000, 1),
            }
        )
    return rows


def _telemetry(services: int) -> Telemetry:
    draw = random.Random(7)
    times = tuple(NOW - 10.0 * (POINTS - i) for i in range(POINTS))
    series = []
    for number in range(services):
        for signal in Signal:
            level = 0.9 if number in (0, 1, 3) and signal is Signal.ERROR_RATIO else 0.0
            values = tuple(draw.gauss(0.2, 0.01) + (level if i > POINTS - 20 else 0.0) for i in range(POINTS))
            series.append(MetricSeries(f"svc-{number:03}", signal, times, values))
    alerts = Alertmanager().parse(
        next(storms.bodies(services * 4, services * 4)), source="bench", received_at=NOW
    )
    return Telemetry(
        opened_at=NOW,
        now=NOW,
        alerts=tuple(alerts.alerts),
        series=tuple(series),
        topology=storms.topology(services),
    )
