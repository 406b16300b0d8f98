"""RQ workers that run nothing but our own entry points, whatever stands in Redis."""

from collections.abc import Callable
from datetime import timedelta

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker, Worker
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker import BaseWorker

from bot.adapters.queue.rq import QUEUES
from bot.domain.errors import Retryable

WORKER_TTL_S = 60
MONITORING_S = 5


class _OnlyOurs(BaseWorker):
    """Refuses jobs whose function is not in QUEUES: write access to Redis must not become code execution."""

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Run one job, if it is one of ours."""
        if job.func_name not in QUEUES:
            self.log.error("refused a job that is not one of ours")
            job.delete()
            return
        super().execute_job(job, queue)


class InProcessWorker(_OnlyOurs, SimpleWorker):
    """Runs jobs in its own process: for correlation, whose maps are a cache."""


class ForkingWorker(_OnlyOurs, Worker):
    """Forks for each job: a crash or a leak in an investigation ends with its child."""


def run_worker(connection: Redis, queue: str, worker: type[BaseWorker], started: Callable[[], None]) -> None:
    """Serve one queue until told to stop; raises Retryable when the server is away at the start or stays away.

    One queue per process, so that a crash loses no popped job silently.
    """
    try:
        made = worker(
            [Queue(queue, connection=connection, serializer=JSONSerializer)],
            connection=connection,
            serializer=JSONSerializer,
            worker_ttl=WORKER_TTL_S,
            job_monitoring_interval=MONITORING_S,
            maintenance_interval=int(timedelta(seconds=30).total_seconds()),
            log_job_description=False,
        )
        started()
        made.work(logging_level="WARNING")
    except RedisError as error:
        message = f"the job queue is not available, see WATCHKEEPER_REDIS_URL: {error}"
        raise Retryable(message) from error
