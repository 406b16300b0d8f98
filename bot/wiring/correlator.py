"""The correlator process: an RQ worker that runs jobs in its own process, queue `correlate` only."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial

import structlog

from bot.adapters import registry
from bot.adapters.evidence import service_graph
from bot.adapters.queue import rq as rq_queue
from bot.adapters.queue.rq_cron import Timetable
from bot.adapters.queue.rq_workers import InProcessWorker, run_worker
from bot.adapters.store.sql import open_store
from bot.adapters.topology.joined import joined
from bot.boundary import guarded
from bot.domain.errors import Retryable
from bot.domain.landscape import landscape_of
from bot.pipeline.correlate import Correlated, Correlation, correlate
from bot.pipeline.part import Parter
from bot.pipeline.usual import remembered
from bot.ports import JobQueue, TopologySource
from bot.settings import Settings, load
from bot.wiring.lull import Stream
from bot.wiring.parts import SystemClock, holder_name, new_id, owed, parsers, settled, uncollected
from bot.wiring.room import take_room
from bot.wiring.sweeper import Sweeper
from bot.wiring.warm_correlator import warm_correlator

TOPOLOGY_TIMEOUT_S = 0.8
CALENDARS_EVERY_S = 300
_BREATH_S = 0.002
# A pass over 10,000 alerts: what is made of them, and the payloads that are open together.
_ROOM_MIB = 16, 2
# An investigation may begin after so long, even while more of the storm is pending.
_INVESTIGATE_S = 2.5

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Runtime:
    """Everything that one pass uses."""

    parts: Correlation
    queue: JobQueue
    stream: Stream


@lru_cache(maxsize=1)
def runtime() -> Runtime:
    """Built once per process, from the environment."""
    return build(load())


def build(settings: Settings) -> Runtime:
    """Wire a correlator; raises Permanent when something that it needs is missing."""
    settings.require("correlator", ["sources", "audit_key", "storage_key"])
    store = open_store(settings)
    parts = Correlation(
        store=store,
        parsers=parsers(settings),
        topology=_topology(settings),
        clock=SystemClock(),
        holder=holder_name("correlator"),
        new_id=new_id,
        observe_only=settings.mode == "observe",
        breathe=partial(time.sleep, _BREATH_S),
        owed=owed(settings),
        usual=store.read(remembered),
    )
    return Runtime(parts, rq_queue.build(settings.redis_url), Stream())


def _topology(settings: Settings) -> TopologySource | None:
    """Correlation waits for the graph less long than an investigation may."""
    sources: list[TopologySource] = []
    if settings.prometheus_url:
        query = settings.topology_query
        sources.append(
            service_graph.ServiceGraph(settings.prometheus_url, query, timeout_s=TOPOLOGY_TIMEOUT_S)
        )
    if settings.topology_files:
        files = registry.module("topology", "files")  # A reader of YAML, in most places of no use.
        sources.append(files.TopologyFiles(settings.topology_files))
    return joined(sources)


def pass_over_pending() -> None:
    """Correlate until nothing is pending, and poke the investigations that this opened."""
    here = runtime()
    begun = time.monotonic()
    tasks: list[int] = []
    with uncollected():
        outcome = correlate(here.parts, here.stream.lull().look_again)
    while True:
        tasks += outcome.tasks
        if outcome.reason is Correlated.FOLDED:
            _log.info(
                "correlated", payloads=outcome.payloads, alerts=outcome.alerts, opened=len(outcome.tasks)
            )
        if not outcome.more or time.monotonic() - begun > _INVESTIGATE_S:
            _poke(here.queue, tasks)
            tasks = []
        if not outcome.more:
            _keep_usual(here.parts)
            return
        with uncollected():
            outcome = correlate(here.parts)


def _keep_usual(parts: Correlation) -> None:
    """What was learned of any day is written once the message and the investigation are on their way."""
    now = parts.clock.now()
    if parts.usual is not None and parts.usual.unkept(now):
        parts.store.transact(partial(parts.usual.keep, now=now))


def _poke(queue: JobQueue, tasks: list[int]) -> None:
    for task in tasks:
        try:
            queue.poke("bot.jobs.work", task)
        except Retryable as error:
            _log.warning("poke_lost", reason=str(error))


class OwnHands:
    """Pokes through the queue; where the queue is away, correlation is done here and now, by whoever pokes.

    Only the sweeper pokes for correlation in this process, and the lease keeps two passes apart.
    """

    def __init__(self, queue: JobQueue, correlate_now: Callable[[], None]) -> None:
        self._queue = queue
        self._correlate_now = correlate_now

    def poke(self, function: str, row_id: int) -> None:
        """Raises Retryable for other work, which waits until the queue is back."""
        try:
            self._queue.poke(function, row_id)
        except Retryable:
            if function != "bot.jobs.correlate":
                raise
            guarded("correlate without a queue", self._correlate_now)


def _ready(here: Runtime) -> None:
    """A look at the graph and a first job before the first alert, which would else wait for both."""
    topology = here.parts.topology
    if topology is not None:
        guarded(
            "first look at the graph", lambda: landscape_of(topology.topology(now=here.parts.clock.now()))
        )
    warm_correlator(here.parts)
    take_room(*_ROOM_MIB)
    guarded("first poke", lambda: here.queue.poke("bot.jobs.correlate", 0))
    settled()
    _log.info("correlator_ready")


def run(settings: Settings) -> None:
    """Serve the queue until told to stop."""
    here = runtime()
    sweeper = Sweeper(
        here.parts.store,
        OwnHands(here.queue, pass_over_pending),
        here.parts.clock,
        "correlator",
        settings.resolve_after_s,
        settings.max_open_proposals,
        owed=owed(settings),
        also=Parter(here.parts.store, here.parts.new_id, here.parts.observe_only).look,
    )
    sweeper.start(threading.Event())

    def started() -> None:
        _ready(here)
        _start_timetable(settings)

    run_worker(rq_queue.connect(settings.redis_url), "correlate", InProcessWorker, started)


def _start_timetable(settings: Settings) -> None:
    """Only once the queue has answered, so that a start without one says a single thing."""
    if settings.watch_every_s or settings.planned_calendars:
        timetable = Timetable(rq_queue.connect(settings.redis_url))
        if settings.watch_every_s:
            timetable.every(settings.watch_every_s, "bot.jobs.watch")
        if settings.planned_calendars:
            timetable.every(CALENDARS_EVERY_S, "bot.jobs.plan")
        timetable.start(threading.Event())
