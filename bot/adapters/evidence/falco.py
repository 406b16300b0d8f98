"""What workloads do, as the runtime sensor Falco writes it to Loki: processes started, outbound connections.

Streams are found by the matchers of `runtime_streams` and label `workload`. Who wrote the lines is the sensor, but
names in them are the workload's own choice: they are compared and quoted, and never become part of a query.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bot.adapters.bounded_http import bounded_client
from bot.adapters.evidence._loki_api import PATH, asked
from bot.domain.errors import Permanent, Retryable
from bot.domain.telemetry import Behaviour, BehaviourKind, Missing, Readings, missed
from bot.settings import Settings

TIMEOUT_S = 2.5
MOST_SERVICES = 10  # The caller names them in order of suspicion.
BASELINE_S = 86_400.0  # How far before the window a workload's habits are read.
RECENT_S = 900.0
MOST_LINES = 5000  # What Loki gives at most unless it is told otherwise (max_entries_limit_per_query).
MOST_CHARS = 200
PARALLEL = 6
_PROCESS = frozenset({"execve", "execveat"})
_CONNECTION = frozenset({"connect"})


class FalcoEvents:
    """Reads at most MOST_SERVICES workloads, two requests each: their habits, and what is recent."""

    name = "falco"

    def __init__(self, url: str, matchers: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self._url = url.rstrip("/") + PATH
        self._matchers = matchers
        self._client = bounded_client(timeout_s, url=url)

    def collect(self, services: Sequence[str], *, start: float, end: float) -> Readings:
        """The first time that each instance did each thing; what cannot be read, or was cut, is Missing."""
        split = max(start, end - RECENT_S)
        wanted = [
            (service, *part)
            for service in list(dict.fromkeys(services))[:MOST_SERVICES]
            for part in ((split, end), (start - BASELINE_S, split))
        ]
        with ThreadPoolExecutor(PARALLEL, thread_name_prefix="falco") as pool:
            answers = list(pool.map(lambda one: self._events(*one), wanted))
        seen = [one for found, _gap in answers for one in found]
        gaps = {gap.reason: gap for _found, gap in answers if gap is not None}
        return Readings(behaviours=_earliest(seen), missing=tuple(gaps.values()))

    def _events(self, service: str, start: float, end: float) -> tuple[list[Behaviour], Missing | None]:
        query = f"{{{self._matchers},workload={json.dumps(service)}}}"
        try:
            streams = asked(self._client, self._url, query, start=start, end=end, limit=MOST_LINES)
            lines = [pair for stream in streams for pair in stream["values"]]
            read = [_event(service, int(pair[0]) / 1e9, str(pair[1])) for pair in lines]
        except (Retryable, Permanent) as error:
            return [], missed("runtime sensor", error)
        except (ValueError, TypeError, KeyError, IndexError):
            return [], Missing("runtime sensor", f"{self._url} answered something that is not a Loki result")
        cut = Missing("runtime sensor", f"only {MOST_LINES} events of {service} were read")
        return [one for one in read if one is not None], cut if len(lines) >= MOST_LINES else None


def build(settings: Settings) -> FalcoEvents:
    """The source that settings ask for."""
    return FalcoEvents(settings.loki_url, settings.runtime_streams)


def _event(service: str, at: float, line: str) -> Behaviour | None:
    """One event, None for a line of another kind or of no use."""
    try:
        event = json.loads(line)
        fields: Mapping[str, Any] = event["output_fields"]
        kind = str(fields["evt.type"])
    except (ValueError, TypeError, KeyError):
        return None
    instance = _text(fields, "k8s.pod.name") or _text(fields, "container.id")
    process = _text(fields, "proc.exepath") or _text(fields, "proc.name")
    if not instance or not process:
        return None
    if kind in _PROCESS:
        parent = _text(fields, "proc.pexepath") or _text(fields, "proc.pname")
        return Behaviour(service, instance, BehaviourKind.PROCESS, process, parent, at)
    remote, port = _text(fields, "fd.rip") or _text(fields, "fd.sip"), _text(fields, "fd.rport")
    port = port or _text(fields, "fd.sport")
    if kind in _CONNECTION and remote and port:
        return Behaviour(service, instance, BehaviourKind.CONNECTION, f"{remote}:{port}", process, at)
    return None


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    return str(value)[:MOST_CHARS] if isinstance(value, str | int) else ""


def _earliest(seen: Iterable[Behaviour]) -> tuple[Behaviour, ...]:
    first: dict[tuple[str, str, str, str, str], Behaviour] = {}
    for one in seen:
        key = (one.service, one.instance, one.kind.value, one.what, one.by)
        if key not in first or one.at < first[key].at:
            first[key] = one
    return tuple(sorted(first.values(), key=lambda one: (one.at, one.service, one.instance, one.what)))
