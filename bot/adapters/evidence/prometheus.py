"""Metrics from the Prometheus HTTP API: one range query per signal for all services at once.

Which expression gives which signal is configuration (`metric_queries`); results must carry a `service` label.
"""

import math
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Any
from urllib.parse import quote

from bot.adapters.bounded_http import bounded_client
from bot.adapters.evidence._prometheus_api import TIMEOUT_S, asked
from bot.domain.errors import Permanent, Retryable
from bot.domain.telemetry import MetricSeries, Missing, Readings, Signal, missed
from bot.settings import Settings

LEAST_STEP_S = 5.0
MOST_POINTS = 240  # Per series: 40 minutes at a step of 10 s.
MOST_SERIES = 4000  # Per signal; what is beyond is cut and said to be missing.
PARALLEL = 4


class PrometheusMetrics:
    """Reads the signals that `queries` names; the rest is missing without a word."""

    name = "prometheus"

    def __init__(self, url: str, queries: Mapping[str, str], *, timeout_s: float = TIMEOUT_S) -> None:
        self._url = url.rstrip("/")
        self._queries = {Signal(name): query for name, query in queries.items()}
        self._client = bounded_client(timeout_s, url=url)

    def collect(self, services: Sequence[str], *, start: float, end: float) -> Readings:
        """Series of `services` (all, when empty) in the window; a failed query is Missing with its reason."""
        wanted = frozenset(services)
        with ThreadPoolExecutor(PARALLEL, thread_name_prefix="prometheus") as pool:
            answers = pool.map(lambda signal: self._signal(signal, wanted, start, end), self._queries)
            parts = list(answers)
        return Readings(
            series=tuple(series for found, _ in parts for series in found),
            missing=tuple(gap for _, gaps in parts for gap in gaps),
        )

    def latest(self, signal: str, service: str, seconds: float) -> float | None:
        """Median level of a signal over the last `seconds`, None without a sample; raises Retryable, Permanent."""
        end = time.time()
        rows = self._range(self._queries[Signal(signal)], end - seconds, end, LEAST_STEP_S)
        values = [value for row in rows if _service(row) == service for _, value in _points(row)]
        return median(values) if values else None

    def history(self, signal: str, service: str, start: float, end: float) -> list[tuple[float, float]]:
        """Recorded samples of one signal of a service, unix seconds first; raises Retryable, Permanent."""
        if Signal(signal) not in self._queries:
            return []
        step = max(LEAST_STEP_S, math.ceil((end - start) / MOST_POINTS))
        rows = self._range(self._queries[Signal(signal)], start, end, step)
        return sorted(point for row in rows if _service(row) == service for point in _points(row))

    def _signal(
        self, signal: Signal, wanted: frozenset[str], start: float, end: float
    ) -> tuple[list[MetricSeries], list[Missing]]:
        query = self._queries[signal]
        step = max(LEAST_STEP_S, math.ceil((end - start) / MOST_POINTS))
        try:
            rows = self._range(query, start, end, step)
        except (Retryable, Permanent) as error:
            return [], [missed(f"metrics {signal.value}", error)]
        kept = [row for row in rows if _service(row) and (not wanted or _service(row) in wanted)]
        gaps = []
        if len(kept) > MOST_SERIES:
            gaps.append(Missing(f"metrics {signal.value}", f"{len(kept)} series, read {MOST_SERIES}"))
        link = f"{self._url}/graph?g0.expr={quote(query, safe='')}&g0.tab=0"
        read = (_series(row, signal, link) for row in kept[:MOST_SERIES])
        return [series for series in read if series.times], gaps

    def _range(self, query: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        form = {"query": query, "start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:g}"}
        data = asked(self._client, f"{self._url}/api/v1/query_range", form)
        return list(data.get("result", ()))


def build(settings: Settings) -> PrometheusMetrics:
    """The source that settings ask for."""
    return PrometheusMetrics(settings.prometheus_url, settings.metric_queries)


def _service(row: Mapping[str, Any]) -> str:
    metric = row.get("metric")
    return str(metric.get("service", "")) if isinstance(metric, dict) else ""


def _points(row: Mapping[str, Any]) -> list[tuple[float, float]]:
    points = []
    for pair in row.get("values", ()):
        try:
            at, value = float(pair[0]), float(pair[1])
        except (TypeError, ValueError, IndexError):
            continue
        if math.isfinite(value):
            points.append((at, value))
    return points


def _series(row: Mapping[str, Any], signal: Signal, link: str) -> MetricSeries:
    points = _points(row)
    return MetricSeries(
        _service(row), signal, tuple(at for at, _ in points), tuple(value for _, value in points), link
    )
