"""The correlator process: an RQ worker that runs jobs in its own process, queue `correlate` only."""

import threading
from dataclasses import dataclass
from functools import lru_cache

import structlog

from bot.adapters.evidence import service_graph
from bot.adapters.queue import rq as rq_queue
from bot.adapters.queue.rq_workers import InProcessWorker, run_worker
from bot.adapters.store.sql import open_store
from bot.boundary import guarded
from bot.domain.errors import Retryable
from bot.pipeline.correlate import Correlated, Correlation, correlate
from bot.ports import JobQueue, TopologySource
from bot.settings import Settings, load
from bot.wiring.parts import SystemClock, holder_name, new_id, parsers
from bot.wiring.sweeper import Sweeper

TOPOLOGY_TIMEOUT_S = 0.8

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Runtime:
    """Everything that one pass uses."""

    parts: Correlation
    queue: JobQueue


@lru_cache(maxsize=1)
def runtime() -> Runtime:
    """Built once per process, from the environment."""
    return build(load())


def build(settings: Settings) -> Runtime:
    """Wire a correlator; raises Permanent when something that it needs is missing."""
    settings.require("correlator", ["sources", "audit_key", "storage_key"])
    parts = Correlation(
        store=open_store(settings),
        parsers=parsers(settings),
        topology=_topology(settings),
        clock=SystemClock(),
        holder=holder_name("correlator"),
        new_id=new_id,
        observe_only=settings.mode == "observe",
    )
    return Runtime(parts, rq_queue.build(settings.redis_url))


def _topology(settings: Settings) -> TopologySource | None:
    """Correlation waits for the graph less long than an investigation may."""
    if not settings.prometheus_url:
        return None
    return service_graph.ServiceGraph(
        settings.prometheus_url, settings.topology_query, timeout_s=TOPOLOGY_TIMEOUT_S
    )


def pass_over_pending() -> None:
    """Correlate until nothing is pending, and poke the investigations that this opened."""
    here = runtime()
    more = True
    while more:
        outcome = correlate(here.parts)
        more = outcome.more
        if outcome.reason is Correlated.FOLDED:
            _log.info(
                "correlated", payloads=outcome.payloads, alerts=outcome.alerts, opened=len(outcome.tasks)
            )
        for task in outcome.tasks:
            try:
                here.queue.poke("bot.jobs.work", task)
            except Retryable as error:
                _log.warning("poke_lost", reason=str(error))


def _ready(here: Runtime) -> None:
    """A look at the graph and a first job before the first alert, which would else wait for both."""
    topology = here.parts.topology
    if topology is not None:
        guarded("first look at the graph", lambda: topology.topology(now=here.parts.clock.now()))
    guarded("first poke", lambda: here.queue.poke("bot.jobs.correlate", 0))
    _log.info("correlator_ready")


def run(settings: Settings) -> None:
    """Serve the queue until told to stop."""
    here = runtime()
    sweeper = Sweeper(
        here.parts.store,
        here.queue,
        here.parts.clock,
        "correlator",
        settings.resolve_after_s,
        settings.max_open_proposals,
    )
    sweeper.start(threading.Event())
    run_worker(rq_queue.connect(settings.redis_url), "correlate", InProcessWorker, lambda: _ready(here))
