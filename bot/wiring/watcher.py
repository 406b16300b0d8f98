"""The watcher: wired like an investigation, run by the worker whenever RQ's cron says so, and skipped while it is busy."""

from dataclasses import dataclass
from functools import lru_cache

import structlog

from bot.adapters.evidence import falco, loki, prometheus, service_graph
from bot.adapters.queue import rq as rq_queue
from bot.domain.errors import Retryable
from bot.pipeline.watch import Watch, Watched, WatchOutcome, watch
from bot.ports import EvidenceSource, TopologySource
from bot.settings import Settings, load
from bot.wiring.kept_store import kept_store
from bot.wiring.parts import SystemClock, holder_name

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Eyes:
    """What the watcher reads through."""

    metrics: tuple[EvidenceSource, ...]
    words: tuple[EvidenceSource, ...]
    topology: TopologySource | None
    holder: str
    settings: Settings


@lru_cache(maxsize=1)
def eyes() -> Eyes:
    """Made once per process, from the environment, and inherited by each job's child."""
    return build(load())


def build(settings: Settings) -> Eyes:
    """Wire what is configured; without metrics and logs there is nothing to watch."""
    logs = (loki.build(settings),) if settings.loki_url else ()
    sensors = (falco.build(settings),) if settings.loki_url and settings.runtime_streams else ()
    return Eyes(
        metrics=(prometheus.build(settings),) if settings.prometheus_url else (),
        words=(*logs, *sensors),
        topology=service_graph.build(settings) if settings.prometheus_url else None,
        holder=holder_name("watcher"),
        settings=settings,
    )


def look() -> None:
    """One look; then poke what it led to."""
    here, clock = eyes(), SystemClock()
    if not here.metrics and not here.words:
        return
    store = kept_store()
    if store.read(lambda tx: tx.due_tasks(now=clock.now())):
        return  # Whoever waits for an investigation comes first.
    outcome = watch(Watch(store, here.metrics, here.words, here.topology, clock, here.holder))
    _poke(here.settings, outcome)
    if outcome.reason is Watched.WARNED:
        _log.info("watch_warned", services=list(outcome.warned), findings=outcome.findings)


def _poke(settings: Settings, outcome: WatchOutcome) -> None:
    if outcome.reason is not Watched.WARNED and not outcome.tasks:
        return
    queue = rq_queue.build(settings.redis_url)
    try:
        queue.poke("bot.jobs.correlate", 0)
        for task in outcome.tasks:
            queue.poke("bot.jobs.work", task)
    except Retryable as error:
        _log.warning("poke_lost", reason=str(error))
