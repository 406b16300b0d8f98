"""Traces from the Jaeger query API (Jaeger, VictoriaTraces, Tempo behind its Jaeger bridge), counted into calls.

A bounded sample: some traces of each suspected service from several parts of the window, so that there is a before.
Spans are only counted; no attribute of a span is kept, none becomes part of a query.
"""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from bot.adapters.bounded_http import bounded_client
from bot.domain.errors import Permanent, Retryable
from bot.domain.spans import Span, calls_of
from bot.domain.telemetry import Missing, Readings, missed
from bot.settings import Settings

TIMEOUT_S = 2.5
MOST_SERVICES = 4  # The caller names them in order of suspicion.
RECENT_S = 600.0  # The last part of the window is read apart from what came before it.
PARTS = 3  # Requests for what came before, and as many for the last part.
MOST_TRACES = 60  # For each request.
MOST_SPANS = 60_000
PARALLEL = 8
STEP_S = 15.0
_FAILED = {("error", "true"), ("otel.status_code", "error")}


class JaegerTraces:
    """Reads at most MOST_SERVICES services, twice PARTS requests each."""

    name = "jaeger"

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self._url = f"{url.rstrip('/')}/api/traces"
        self._client = bounded_client(timeout_s, url=url)

    def collect(self, services: Sequence[str], *, start: float, end: float) -> Readings:
        """Calls that the sampled traces of the window show; what cannot be read is Missing."""
        named = list(dict.fromkeys(services))[:MOST_SERVICES]
        split = max(start, end - RECENT_S)
        slices = [*_slices(split, end), *(_slices(start, split) if start < split else ())]
        wanted = [(service, begin, until) for service in named for begin, until in slices]
        with ThreadPoolExecutor(PARALLEL, thread_name_prefix="jaeger") as pool:
            answers = list(pool.map(lambda one: self._traces(*one), wanted))
        gaps = {answer.reason: answer for answer in answers if isinstance(answer, Missing)}
        traces: dict[str, list[Span]] = {}
        for answer in answers:
            if not isinstance(answer, Missing):
                traces.update(answer)
        spans = [span for trace in sorted(traces) for span in traces[trace]]
        if len(spans) > MOST_SPANS:
            gaps["too many"] = Missing("traces", f"{len(spans)} spans, read {MOST_SPANS}")
        calls = (calls_of(spans[:MOST_SPANS], step_s=STEP_S),) if spans else ()
        return Readings(calls=calls, missing=tuple(gaps.values()))

    def _traces(self, service: str, start: float, end: float) -> dict[str, list[Span]] | Missing:
        params = {
            "service": service,
            "start": str(int(start * 1e6)),
            "end": str(int(end * 1e6)),
            "limit": str(MOST_TRACES),
        }
        try:
            return dict(_read(self._asked(params)))
        except (Retryable, Permanent) as error:
            return missed("traces", error)
        except (ValueError, TypeError, KeyError, AttributeError):
            return Missing("traces", f"{self._url} answered something that is not a list of traces")

    def _asked(self, params: Mapping[str, str]) -> list[Any]:
        try:
            answer = self._client.get(self._url, params=params)
        except httpx.HTTPError as error:
            message = f"{self._url} did not answer: {type(error).__name__}"
            raise Retryable(message) from error
        if answer.status_code == httpx.codes.NOT_FOUND:
            return []  # No such service, or no trace in the window.
        if answer.status_code != httpx.codes.OK:
            message = f"{self._url} answered {answer.status_code}"
            raise Permanent(message)
        return list(answer.json()["data"] or ())


def build(settings: Settings) -> JaegerTraces:
    """The source that settings ask for."""
    return JaegerTraces(settings.traces_url)


def _slices(start: float, end: float) -> list[tuple[float, float]]:
    step = (end - start) / PARTS
    return [(start + place * step, start + (place + 1) * step) for place in range(PARTS)]


def _read(traces: Iterable[Any]) -> Iterable[tuple[str, list[Span]]]:
    for trace in traces:
        names = {str(key): str(found["serviceName"]) for key, found in trace["processes"].items()}
        yield str(trace["traceID"]), [_span(span, names) for span in trace["spans"]]


def _span(found: Mapping[str, Any], names: Mapping[str, str]) -> Span:
    start_at = float(found["startTime"]) / 1e6
    parents = [ref for ref in found.get("references") or () if ref.get("refType") == "CHILD_OF"]
    return Span(
        trace=str(found["traceID"]),
        id=str(found["spanID"]),
        parent=str(parents[0]["spanID"]) if parents else "",
        service=names[str(found["processID"])],
        operation=str(found["operationName"]),
        start_at=start_at,
        end_at=start_at + float(found["duration"]) / 1e6,
        failed=any(_says_failed(tag) for tag in found.get("tags") or ()),
    )


def _says_failed(tag: Mapping[str, Any]) -> bool:
    return (str(tag.get("key")), str(tag.get("value")).lower()) in _FAILED
