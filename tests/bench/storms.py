"""Storms of a given size in the Alertmanager webhook format, over a generated service tree."""

import json
from collections.abc import Iterator

from bot.domain.topology import Topology

SERVICES = 50


def topology(services: int = SERVICES) -> Topology:
    """A binary tree of services."""
    calls = {
        f"svc-{i:03}": tuple(f"svc-{j:03}" for j in (2 * i + 1, 2 * i + 2) if j < services)
        for i in range(services)
    }
    return Topology(calls, dict.fromkeys(calls, "service"), 1.0)


def bodies(alerts: int, batch: int) -> Iterator[bytes]:
    """Webhook bodies with `batch` alerts each, about 600 bytes an alert."""
    for start in range(0, alerts, batch):
        group = [_alert(number) for number in range(start, min(start + batch, alerts))]
        yield json.dumps({"version": "4", "status": "firing", "alerts": group}).encode()


def _alert(number: int) -> dict[str, object]:
    service = f"svc-{number % SERVICES:03}"
    labels = {
        "alertname": ("HighErrorRate", "LatencyHigh", "PodNotReady", "SLOBurn")[number % 4],
        "service": service,
        "namespace": "production",
        "cluster": "bench",
        "pod": f"{service}-{number:06x}",
        "instance": f"10.0.{number >> 8 & 255}.{number & 255}:9100",
        "severity": ("critical", "warning")[number % 2],
    }
    return {
        "status": "firing",
        "labels": labels,
        "annotations": {"summary": f"{labels['alertname']} on {service}", "description": "x" * 120},
        "startsAt": "2027-01-15T07:59:30.000Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example/graph?g0.expr=up",
    }
