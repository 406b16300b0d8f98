"""The worker process: an RQ worker, queue `investigate`, whose jobs run one after another in a child that it keeps.

Imports and clients are made in the parent; the child opens its own connections, since none may cross a fork.
"""

import gc
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

import structlog

from bot.adapters import registry
from bot.adapters.evidence import (
    cluster_state,
    falco,
    jaeger,
    kubernetes,
    loki,
    prometheus,
    service_calls,
    service_graph,
)
from bot.adapters.evidence._kubectl_read import build_read
from bot.adapters.playbooks import yaml_files
from bot.adapters.queue import rq as rq_queue
from bot.adapters.queue.kept_child import KeptChild
from bot.adapters.queue.rq_workers import ApartWorker, run_worker
from bot.adapters.topology.files import TopologyFiles
from bot.adapters.topology.joined import joined
from bot.adapters.topology.kubernetes import KubernetesTopology
from bot.boundary import guarded
from bot.domain.errors import Retryable
from bot.domain.evidence import Diagnosis
from bot.domain.incident import Incident
from bot.domain.landscape import landscape_of
from bot.domain.playbook import Playbook
from bot.domain.records import Task, TaskKind
from bot.pipeline.ask_once import AskedOnce
from bot.pipeline.collect import DEADLINE_S
from bot.pipeline.give_up import give_up
from bot.pipeline.investigate import investigate
from bot.pipeline.look_again import look_again, look_of
from bot.pipeline.propose import Proposed, propose
from bot.pipeline.prove import History, nothing_recorded
from bot.pipeline.review import review
from bot.ports import EvidenceSource, Inventory, Reasoner, Store, TopologySource
from bot.settings import Settings, load
from bot.wiring import watcher
from bot.wiring.beating import Beats
from bot.wiring.inventories import accounts, looked_up
from bot.wiring.kept_store import kept_store
from bot.wiring.parts import SystemClock, caps_of, new_id, settled
from bot.wiring.room import take_room
from bot.wiring.warm import warm

# How long a task may take before another worker may claim it, besides the model's own deadline.
LEASE_S = 40.0
MOST_TRIES = 3
# A database that is away or busy is no fault of the task's; it is waited for this many claims, ever longer.
MOST_CLAIMS = 30
LONGEST_AGAIN_S = 30.0
# A job makes thousands of objects that it needs to its end, which comes soon: looking for garbage finds next to none.
GARBAGE_AFTER = 50_000
# The alerts and answers that an investigation of a storm reads.
_ROOM_MIB = 2, 1
# After an unknown fault, times the tries so far: sooner than a lease runs out, which is for workers that died.
FAILED_AGAIN_S = 10.0

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Readers:
    """Everything that a task uses besides the store."""

    sources: Sequence[EvidenceSource]
    topology: TopologySource | None
    inventories: Sequence[Inventory]
    playbooks: Sequence[Playbook]
    reasoner: Reasoner
    history: History
    settings: Settings


@lru_cache(maxsize=1)
def readers() -> Readers:
    """Made once per process, from the environment, and inherited by each job's child."""
    return build(load())


def build(settings: Settings) -> Readers:
    """Wire the readers; raises Permanent when something that one of them needs is missing."""
    clusters = [kubernetes.build(settings)] if settings.kube_reader_config else []
    states = [cluster_state.build(settings)] if settings.kube_reader_config else []
    aws = accounts(settings)
    databases = (
        [registry.module("evidence", "rds_health").build(settings)] if settings.aws_reader_credentials else []
    )
    metrics = [prometheus.build(settings)] if settings.prometheus_url else []
    logs = [loki.build(settings)] if settings.loki_url else []
    traces = [jaeger.build(settings)] if settings.traces_url else []
    graphs = [service_calls.build(settings)] if settings.prometheus_url and settings.call_metrics else []
    sensors = [falco.build(settings)] if settings.loki_url and settings.runtime_streams else []
    return Readers(
        sources=[*metrics, *logs, *traces, *graphs, *sensors, *clusters, *states, *aws, *databases],
        topology=_topology(settings),
        inventories=[*clusters, *aws, *looked_up(settings)],
        playbooks=yaml_files.build(settings).all(),
        reasoner=_reasoner(settings),
        history=metrics[0].history if metrics else nothing_recorded,
        settings=settings,
    )


def _topology(settings: Settings) -> TopologySource | None:
    sources: list[TopologySource] = [service_graph.build(settings)] if settings.prometheus_url else []
    if settings.topology_files:
        sources.append(TopologyFiles(settings.topology_files))
    if settings.topology_from_cluster and settings.kube_reader_config:
        sources.append(KubernetesTopology(build_read(settings)))
    return joined(sources)


def work_on(task_id: int) -> None:
    """Claim one task and do it; what fails is tried again, at most MOST_TRIES times, what could not be stored longer."""
    here, clock = readers(), SystemClock()
    settings, store = here.settings, kept_store()
    lease_s = LEASE_S + settings.model_deadline_s
    task = store.transact(lambda tx: tx.claim_task(task_id, now=clock.now(), lease_s=lease_s))
    if task is None:
        return  # One poke of several.
    if task.tries > MOST_TRIES or task.epoch > MOST_CLAIMS:
        _log.error("task_given_up", kind=task.kind, incident=task.incident)
        store.transact(partial(give_up, task=task, now=clock.now()))
        return
    structlog.contextvars.bind_contextvars(incident=task.incident)
    failed = _Again(FAILED_AGAIN_S * task.tries, "it failed, see the worker's log", counted=True)
    again = guarded("task", lambda: _tried(here, store, task)) or failed
    due_at = clock.now() + again.delay_s
    if again.delay_s:
        store.transact(
            lambda tx: tx.release_task(task, due_at=due_at, reason=again.why, counted=again.counted)
        )
    else:
        store.transact(lambda tx: tx.finish_task(task))


@dataclass(frozen=True, slots=True)
class _Again:
    """After how many seconds to try again and why, 0 when it is done; `counted` as one of the task's few tries."""

    delay_s: float
    why: str
    counted: bool


def _tried(here: Readers, store: Store, task: Task) -> _Again:
    try:
        _do(here, store, task)
    except Retryable as error:
        wait = min(LONGEST_AGAIN_S, max(error.delay_s, 0.1) * 2 ** min(task.epoch - 1, 8))
        return _Again(wait, str(error), counted=False)
    return _Again(0.0, "", counted=True)


def _do(here: Readers, store: Store, task: Task) -> None:
    clock = SystemClock()
    if task.kind is TaskKind.REVIEW:
        reviewed = review(task, store=store, clock=clock)
        _log.info("reviewed", outcome=reviewed.reason.value)
        return
    outcome = investigate(
        task,
        store=store,
        sources=here.sources,
        topology=here.topology,
        clock=clock,
        reasoner=here.reasoner,
        propose=partial(_propose, here, clock),
        most_open=here.settings.max_open_proposals,
        deadline_s=DEADLINE_S * look_of(task),  # Whoever is slow gets more time at each further look.
    )
    looks = look_again(store, task, outcome, now=clock.now())
    _log.info(
        "investigated",
        outcome=outcome.reason.value,
        conclusion=outcome.conclusion,
        confidence=round(outcome.confidence, 2),
        offered=outcome.offered,
        looks=looks.value,
    )


def _propose(here: Readers, clock: SystemClock, incident: Incident, diagnosis: Diagnosis) -> Proposed:
    return propose(
        incident,
        diagnosis,
        playbooks=here.playbooks,
        inventories=[AskedOnce(inventory) for inventory in here.inventories],
        tenant=here.settings.tenant,
        now=clock.now(),
        nonce=new_id(),
        observe_only=here.settings.mode == "observe",
        verify_cap_s=here.settings.verify_cap_s or None,
        history=here.history,
        caps=caps_of(here.settings),
    )


def _reasoner(settings: Settings) -> Reasoner:
    configured = bool(settings.model_base_url or settings.model_api_key)
    built: Reasoner = registry.module("reasoner", "openai" if configured else "none").build(settings)
    return built


def run(settings: Settings) -> None:
    """Serve the queue until told to stop."""
    settings.require("worker", ["audit_key", "storage_key"])
    readers()  # Whatever is missing stops the start.
    watcher.eyes()
    settled()
    child = KeptChild(_prepared)
    child.start()
    Beats(kept_store(), SystemClock(), "worker").start(threading.Event())
    run_worker(
        rq_queue.connect(settings.redis_url),
        "investigate",
        partial(ApartWorker, child=child),
        lambda: _log.info("worker_ready"),
    )


def _prepared() -> None:
    """What each child does before its first job."""
    warm(kept_store(), SystemClock(), new_id)
    take_room(*_ROOM_MIB)
    guarded("first look at the graph", _first_look)
    settled()
    gc.set_threshold(GARBAGE_AFTER)


def _first_look() -> None:
    topology = readers().topology
    if topology is not None:
        landscape_of(topology.topology(now=SystemClock().now()))
