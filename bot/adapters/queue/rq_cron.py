"""RQ's cron for our jobs: what is due is enqueued as all of ours are, by name, JSON and one row id.

RQ's own scheduler process would pickle its jobs and take the process's signals: its timetable is used, in a thread.
"""

import threading

import structlog
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue
from rq.cron import CronJob, CronScheduler
from rq.job import Job
from rq.serializers import JSONSerializer

from bot.adapters.queue.rq import JOB_TIMEOUT_S, QUEUES
from bot.boundary import guarded

_LONGEST_WAIT_S = 5.0
_SHORTEST_WAIT_S = 0.2

_log = structlog.get_logger()


class _Ours(CronJob):
    """A line of the timetable. A job that nobody began until the next one is due is dropped."""

    def enqueue(self, connection: Redis) -> Job:
        """Enqueue as `RqQueue` does."""
        queue = Queue(
            self.queue_name, connection=connection, serializer=JSONSerializer, default_timeout=JOB_TIMEOUT_S
        )
        return queue.enqueue(self.func_name, 0, result_ttl=0, failure_ttl=3600, ttl=self.interval)


class Timetable:
    """Enqueues functions of ours every so many seconds, until stopped."""

    def __init__(self, connection: Redis) -> None:
        self._scheduler = CronScheduler(connection=connection)

    def every(self, seconds: int, function: str) -> None:
        """Add a line; the first time is at once."""
        line = _Ours(queue_name=QUEUES[function], func_name=function, interval=seconds)
        self._scheduler.get_jobs().append(line)

    def start(self, stop: threading.Event) -> threading.Thread:
        """Run in a thread of its own until `stop` is set."""
        thread = threading.Thread(target=self._run, args=(stop,), name="timetable", daemon=True)
        thread.start()
        return thread

    def tick(self) -> int:
        """Enqueue what is due; how many that were. A queue that is away is asked again at the next turn."""
        try:
            return len(self._scheduler.enqueue_jobs())
        except RedisError as error:
            _log.warning("timetable_waits", reason=str(error))
            return 0

    def _run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            wait = guarded("timetable", self._turn)
            stop.wait(_LONGEST_WAIT_S if wait is None else min(_LONGEST_WAIT_S, max(_SHORTEST_WAIT_S, wait)))

    def _turn(self) -> float:
        self.tick()
        return float(self._scheduler.calculate_sleep_interval())
