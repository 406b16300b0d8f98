"""Small synthetic systems: a front that calls an API that calls a store, with metrics before and after a fault."""

import random
from collections.abc import Mapping, Sequence

from bot.domain.alert import Alert, AlertSeverity, AlertStatus, fingerprint_of
from bot.domain.telemetry import LogLine, MetricSeries, Signal, Telemetry
from bot.domain.topology import Topology

NOW = 1_700_000_000.0
OPENED = NOW - 5.0
ONSET = NOW - 90.0
STEP = 10.0
HISTORY = 2400.0

SHOP = Topology(
    calls={"front": ("api", "search"), "api": ("cart", "stock"), "cart": ("store",), "stock": ("store",)},
    kinds={"store": "database"},
    as_of=NOW,
)
CALM = {
    Signal.ERROR_RATIO: 0.002,
    Signal.LATENCY: 0.1,
    Signal.REQUEST_RATE: 100.0,
    Signal.CPU: 0.3,
}
SERVICES = ("front", "api", "search", "cart", "stock", "store")


def series(
    service: str,
    signal: Signal,
    before: float,
    after: float | None = None,
    *,
    onset: float = ONSET,
    seed: int = 0,
) -> MetricSeries:
    """A noisy level that moves at `onset`."""
    draw = random.Random(f"{service} {signal} {seed}")
    times = [NOW - HISTORY + STEP * n for n in range(int(HISTORY / STEP) + 1)]
    values = []
    for at in times:
        level = after if after is not None and at >= onset else before
        values.append(max(0.0, level * (1 + draw.gauss(0, 0.03))))
    return MetricSeries(service, signal, tuple(times), tuple(values))


def system(
    faults: Mapping[tuple[str, Signal], tuple[float, float]],
    *,
    services: Sequence[str] = SERVICES,
    seed: int = 0,
) -> tuple[MetricSeries, ...]:
    """Calm series of every service, with (before, after) where a fault is."""
    found = []
    for service in services:
        for signal, calm in CALM.items():
            before, after = faults.get((service, signal), (calm, None))
            found.append(series(service, signal, before, after, seed=seed))
    extra = [(key, levels) for key, levels in faults.items() if key[1] not in CALM]
    return (*found, *(series(service, signal, *levels, seed=seed) for (service, signal), levels in extra))


def alerts(*services: str, delay: float = 20.0, each: int = 3) -> tuple[Alert, ...]:
    """Critical alerts whose rules fired `delay` seconds after the onset."""
    found = []
    for service in services:
        for number in range(each):
            labels = {"service": service, "alertname": f"Rule{number}"}
            found.append(
                Alert(
                    fingerprint_of("test", labels), "test", f"Rule{number}", AlertStatus.FIRING, AlertSeverity.CRITICAL,
                    service, "", ONSET + delay, OPENED, labels=labels,
                )
            )  # fmt: skip
    return tuple(found)


def chatter(service: str, text: str, *, start: float, end: float, every: float) -> tuple[LogLine, ...]:
    """A line every few seconds with a number in it."""
    count = int((end - start) / every)
    return tuple(LogLine(service, start + every * n, f"{text} request={n * 7919}") for n in range(count))


def telemetry(**given: object) -> Telemetry:
    """A Telemetry around the fault of this module."""
    fields: dict[str, object] = {"opened_at": OPENED, "now": NOW, "topology": SHOP, **given}
    return Telemetry(**fields)  # type: ignore[arg-type]
