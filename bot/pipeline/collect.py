"""collect: ask every source at the same time, wait for a bounded time, and say what could not be had.

Part of investigate; it judges nothing.
"""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait

from bot.domain.errors import WatchkeeperError
from bot.domain.telemetry import Missing, Readings, missed
from bot.domain.topology import Topology
from bot.ports import EvidenceSource, TopologySource

DEADLINE_S = 3.0


def collect(
    sources: Sequence[EvidenceSource],
    services: Sequence[str],
    *,
    start: float,
    end: float,
    deadline_s: float = DEADLINE_S,
) -> Readings:
    """Everything that the sources return within the deadline; a late or failing source is Missing."""
    if not sources:
        return Readings(missing=(Missing("evidence", "no source is configured"),))
    pool = ThreadPoolExecutor(len(sources), thread_name_prefix="collect")
    asked = {pool.submit(source.collect, services, start=start, end=end): source.name for source in sources}
    wait(asked, timeout=deadline_s)
    pool.shutdown(wait=False, cancel_futures=True)
    parts = [_part(future, name, deadline_s) for future, name in asked.items()]
    return Readings(
        series=tuple(series for part in parts for series in part.series),
        logs=tuple(line for part in parts for line in part.logs),
        changes=tuple(change for part in parts for change in part.changes),
        behaviours=tuple(behaviour for part in parts for behaviour in part.behaviours),
        databases=tuple(database for part in parts for database in part.databases),
        calls=tuple(calls for part in parts for calls in part.calls),
        log_patterns=tuple(found for part in parts for found in part.log_patterns),
        cluster=next((part.cluster for part in parts if part.cluster is not None), None),
        missing=tuple(gap for part in parts for gap in part.missing),
    )


def read_topology(
    source: TopologySource | None, stored: Topology, *, now: float
) -> tuple[Topology, tuple[Missing, ...]]:
    """The newest graph, or the stored one with the reason why it is not newer."""
    if source is None:
        return stored, ()
    try:
        found = source.topology(now=now, fresh=True)
    except WatchkeeperError as error:
        return stored, (missed("topology", error),)
    known = found if found.nodes() else stored
    said = known.said_of_age(now) if known.nodes() else ""
    return known, (Missing("topology", said),) if said else ()


def _part(future: "Future[Readings]", name: str, deadline_s: float) -> Readings:
    if not future.done() or future.cancelled():
        return Readings(missing=(Missing(name, f"no answer within {deadline_s:g} s", passing=True),))
    error = future.exception()
    if isinstance(error, WatchkeeperError):
        return Readings(missing=(missed(name, error),))
    if error is not None:
        return Readings(missing=(Missing(name, f"failed: {type(error).__name__}: {str(error)[:200]}"),))
    return future.result()
