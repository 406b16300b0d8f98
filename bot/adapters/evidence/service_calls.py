"""Calls between services from service-graph metrics in Prometheus: both sides of each edge, minute by minute.

Tracing back ends and collectors write them under one prefix (`<prefix>_total`, `<prefix>_client_seconds`,
`<prefix>_server_seconds`, labels client and server). Complete where traces are sampled, but with no operations.
"""

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bot.adapters.bounded_http import bounded_client
from bot.adapters.evidence._prometheus_api import TIMEOUT_S, asked
from bot.domain.calls import Calls, EdgeSeries
from bot.domain.errors import Permanent, Retryable
from bot.domain.telemetry import Readings, missed
from bot.settings import Settings

STEP_S = 60
MOST_EDGES = 4000
Edge = tuple[str, str]
Values = dict[Edge, dict[float, float]]


class ServiceCalls:
    """Three range queries for all edges at once."""

    name = "service_calls"

    def __init__(self, url: str, prefix: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self._url = f"{url.rstrip('/')}/api/v1/query_range"
        self._queries = queries(prefix)
        self._client = bounded_client(timeout_s, url=url)

    def collect(self, services: Sequence[str], *, start: float, end: float) -> Readings:
        """Edges that touch one of `services` (all, when empty); a failed query is Missing with its reason."""
        window = {"start": f"{start:.3f}", "end": f"{end:.3f}", "step": str(STEP_S)}
        try:
            with ThreadPoolExecutor(len(self._queries), thread_name_prefix="calls") as pool:
                asking = [
                    pool.submit(asked, self._client, self._url, {"query": query, **window})
                    for query in self._queries
                ]
                rates, caller, callee = (_values(one.result()) for one in asking)
        except (Retryable, Permanent) as error:
            return Readings(missing=(missed("calls", error),))
        wanted = frozenset(services)
        edges = sorted(edge for edge in rates if not wanted or wanted.intersection(edge))[:MOST_EDGES]
        times = tuple(sorted({at for edge in edges for at in rates[edge]}))
        found = tuple(_series(edge, times, rates[edge], caller, callee) for edge in edges)
        return Readings(calls=(Calls(float(STEP_S), found),) if found else ())


def queries(prefix: str) -> tuple[str, str, str]:
    """Calls a second, seconds that the caller waits, seconds that the callee works; by client and server."""
    by = "sum by (client, server)"

    def mean(side: str) -> str:
        metric = f"{prefix}_{side}_seconds"
        return f"{by} (rate({metric}_sum[{STEP_S}s])) / {by} (rate({metric}_count[{STEP_S}s]))"

    return f"{by} (rate({prefix}_total[{STEP_S}s]))", mean("client"), mean("server")


def build(settings: Settings) -> ServiceCalls:
    """The source that settings ask for."""
    return ServiceCalls(settings.prometheus_url, settings.call_metrics)


def _values(data: Mapping[str, Any]) -> Values:
    found: Values = {}
    for row in data.get("result", ()):
        labels = row.get("metric", {})
        client, server = str(labels.get("client", "")), str(labels.get("server", ""))
        if client and server and client != server:
            found[client, server] = dict(_points(row.get("values", ())))
    return found


def _points(pairs: Sequence[Any]) -> list[tuple[float, float]]:
    points = []
    for pair in pairs:
        try:
            points.append((float(pair[0]), float(pair[1])))
        except (TypeError, ValueError, IndexError):
            continue
    return points


def _series(
    edge: Edge, times: tuple[float, ...], rates: Mapping[float, float], caller: Values, callee: Values
) -> EdgeSeries:
    near, far = caller.get(edge, {}), callee.get(edge, {})
    counts = (rates.get(at, 0.0) * STEP_S for at in times)
    return EdgeSeries(
        edge[0],
        edge[1],
        times,
        tuple(count if math.isfinite(count) else 0.0 for count in counts),
        tuple(near.get(at, math.nan) for at in times),
        tuple(far.get(at, math.nan) for at in times),
    )
