"""RQ workers that run nothing but our own entry points, whatever stands in Redis."""

import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from redis import Redis
from redis.client import Pipeline
from redis.exceptions import RedisError, ResponseError
from rq import Queue, SimpleWorker
from rq.exceptions import DeserializationError
from rq.job import Job
from rq.serializers import JSONSerializer, Serializer
from rq.timeouts import BaseDeathPenalty, JobTimeoutException
from rq.utils import now
from rq.worker import BaseWorker, WorkerStatus

from bot.adapters.queue.kept_child import KeptChild
from bot.adapters.queue.rq import JOB_TIMEOUT_S, QUEUES
from bot.boundary import guarded
from bot.domain.errors import Retryable

WORKER_TTL_S = 60
HEARTBEAT_S = 10
AGAIN_S = 1.0
_UNREADABLE = (
    DeserializationError,
    ResponseError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)

_log = structlog.get_logger()


class _OnlyReadable(Queue):
    """Drops job hashes that are no jobs: RQ's own answer is to end the worker, at every start again."""

    @classmethod
    def _fetch_dequeued_job(
        cls,
        connection: Redis,
        queue_key: str,
        job_id: str,
        job_class: type[Job] | None = None,
        serializer: Serializer | str | None = None,
        death_penalty_class: type[BaseDeathPenalty] | None = None,
    ) -> tuple[Job, Queue] | None:
        found = None
        try:
            found = super()._fetch_dequeued_job(
                connection, queue_key, job_id, job_class, serializer, death_penalty_class
            )
        except _UNREADABLE as error:
            _log.error("job_dropped", queue=queue_key, reason=type(error).__name__)
            connection.delete(Job.key_for(job_id))
        if found is None:
            connection.lrem(f"{queue_key}:intermediate", 1, job_id)
        return found


class _OnlyOurs(BaseWorker):
    """Runs jobs that are exactly ours: write access to Redis must not become code execution.

    Nor does it keep RQ's books of begun, ended and failed jobs: a job is a poke, the row that it names says what is due,
    and writing those books took longer than many a job.
    """

    queue_class = _OnlyReadable
    max_connection_wait_time = (
        2.0  # Alerts wait as long as this after the server is back; RQ's own is a minute.
    )

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Take one job off the queue and, if it is one of ours, run it within its time limit."""
        if not _ours(job):
            _log.error("job_refused", queue=queue.name)
            self.connection.lrem(queue.intermediate_queue_key, 1, job.id)
            job.delete()
            return
        asked_s = int(job.timeout or 0)
        limit_s = asked_s if 0 < asked_s < JOB_TIMEOUT_S else JOB_TIMEOUT_S
        with self.connection.pipeline() as together:
            together.lrem(queue.intermediate_queue_key, 1, job.id)
            together.delete(job.key)
            together.expire(self.key, limit_s + WORKER_TTL_S)
            self.set_state(WorkerStatus.BUSY, together)
            together.execute()
        guarded("job", partial(self._perform, job, limit_s))
        self.set_state(WorkerStatus.IDLE)

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """Say that the worker lives, every few seconds; RQ would after each step of each job."""
        last = self.last_heartbeat
        if pipeline is None and last is not None and (now() - last).total_seconds() < HEARTBEAT_S:
            return
        super().heartbeat(timeout, pipeline)

    def _perform(self, job: Job, limit_s: int) -> None:
        with self.death_penalty_class(limit_s, JobTimeoutException, job_id=job.id):
            job.perform()


def _ours(job: Job) -> bool:
    """One known function on one row id, and nothing that RQ would call or post to beside it."""
    args: Any
    try:
        name, instance, args, kwargs = job.func_name, job.instance, job.args, job.kwargs
    except _UNREADABLE:
        return False
    known = isinstance(name, str) and name in QUEUES
    row_id = args[0] if isinstance(args, list | tuple) and len(args) == 1 else None
    beside = (
        instance,
        kwargs,
        job.webhooks,
        job._success_callback_name,  # noqa: SLF001 - its property would import what the name says
        job._failure_callback_name,  # noqa: SLF001 - likewise
        job._stopped_callback_name,  # noqa: SLF001 - likewise
    )
    return known and type(row_id) is int and not any(beside)


class InProcessWorker(_OnlyOurs, SimpleWorker):
    """Runs jobs in its own process: for correlation, whose maps are a cache."""


class _Apart(Job):
    """A job that the child of its worker runs."""

    child: KeptChild

    def perform(self) -> None:
        """Wait for the child, within the job's time limit."""
        self.child.run(str(self.func_name), self.args[0])


class ApartWorker(_OnlyOurs, SimpleWorker):
    """Has jobs run by a child: a crash, a hang or a leak in an investigation ends with it. RQ's own work stays here."""

    job_class = _Apart

    def __init__(self, *args: Any, child: KeptChild, **options: Any) -> None:
        super().__init__(*args, **options)
        self._child = child

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Run one job in the child."""
        if isinstance(job, _Apart):
            job.child = self._child
        super().execute_job(job, queue)


def run_worker(
    connection: Redis,
    queue: str,
    worker: Callable[..., BaseWorker],
    started: Callable[[], None],
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Serve one queue until told to stop; raises Retryable when the server is away at the start.

    A server that goes away later is waited for. One queue per process, so that a crash loses no popped job silently.
    """
    serving = False
    while True:
        try:
            made = worker_on(connection, queue, worker)
            connection.ping()
            if not serving:
                started()
                serving = True
            made.work(logging_level="WARNING")
            return
        except RedisError as error:
            message = f"the job queue is not available, see WATCHKEEPER_REDIS_URL: {error}"
            if not serving:
                raise Retryable(message) from error
            _log.warning("queue_lost", queue=queue, reason=str(error))
            sleep(AGAIN_S)


def worker_on(connection: Redis, queue: str, worker: Callable[..., BaseWorker]) -> BaseWorker:
    """A worker for one queue, set up as all of ours are."""
    return worker(
        [_OnlyReadable(queue, connection=connection, serializer=JSONSerializer)],
        connection=connection,
        serializer=JSONSerializer,
        worker_ttl=WORKER_TTL_S,
        maintenance_interval=int(timedelta(seconds=30).total_seconds()),
        log_job_description=False,
    )
