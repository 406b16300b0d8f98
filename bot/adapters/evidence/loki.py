"""Log lines from Loki's HTTP API: a bounded sample before the trouble and one of it, for the first few services.

Logs are read by stream label `service`; nothing from a log line ever becomes part of a query.
"""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bot.adapters.bounded_http import bounded_client
from bot.adapters.evidence._loki_api import PATH, asked
from bot.domain.errors import Permanent, Retryable
from bot.domain.telemetry import LogLine, Missing, Readings, missed
from bot.settings import Settings

TIMEOUT_S = 2.5
MOST_SERVICES = 10  # The caller names them in order of suspicion.
RECENT_S = 600.0  # The last part of the window is read apart from what came before it.
RECENT_LINES = 200
EARLIER_LINES = 150
MOST_CHARS = 1000
PARALLEL = 6


class LokiLogs:
    """Reads at most MOST_SERVICES services, two requests each."""

    name = "loki"

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self._url = url.rstrip("/") + PATH
        self._client = bounded_client(timeout_s, url=url)

    def collect(self, services: Sequence[str], *, start: float, end: float) -> Readings:
        """Lines of the first services in the window; what cannot be read is Missing."""
        asked = list(dict.fromkeys(services))[:MOST_SERVICES]
        split = max(start, end - RECENT_S)
        wanted = [(service, split, end, RECENT_LINES) for service in asked]
        wanted += [(service, start, split, EARLIER_LINES) for service in asked if start < split]
        with ThreadPoolExecutor(PARALLEL, thread_name_prefix="loki") as pool:
            answers = list(pool.map(lambda one: self._lines(*one), wanted))
        lines = [line for answer in answers if not isinstance(answer, Missing) for line in answer]
        gaps = {answer.reason: answer for answer in answers if isinstance(answer, Missing)}
        return Readings(
            logs=tuple(sorted(lines, key=lambda line: (line.at, line.service, line.text))),
            missing=tuple(gaps.values()),
        )

    def _lines(self, service: str, start: float, end: float, limit: int) -> list[LogLine] | Missing:
        query = f"{{service={json.dumps(service)}}}"
        try:
            return _read(service, asked(self._client, self._url, query, start=start, end=end, limit=limit))
        except (Retryable, Permanent) as error:
            return missed("logs", error)
        except (ValueError, TypeError, KeyError, IndexError):
            return Missing("logs", f"{self._url} answered something that is not a Loki result")


def build(settings: Settings) -> LokiLogs:
    """The source that settings ask for."""
    return LokiLogs(settings.loki_url)


def _read(service: str, streams: Sequence[Any]) -> list[LogLine]:
    return [
        LogLine(service, int(pair[0]) / 1e9, str(pair[1])[:MOST_CHARS])
        for stream in streams
        for pair in stream["values"]
    ]
