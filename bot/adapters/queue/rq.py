"""JobQueue on RQ: JSON serializer, random job ids, jobs that carry one row id; one queue name per function."""

from collections.abc import Callable

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue
from rq.serializers import JSONSerializer

from bot.domain.errors import Permanent, Retryable
from bot.ports import JobQueue

JOB_TIMEOUT_S = 180
# More pokes than these tell a worker nothing new: rows stay due, and the sweeper comes again.
MOST_WAITING = 50
QUEUES = {
    "bot.jobs.correlate": "correlate",
    "bot.jobs.work": "investigate",
    "bot.jobs.watch": "investigate",
    "bot.jobs.plan": "investigate",
}


class RqQueue:
    """Pokes workers through Redis or Valkey; results are not kept, since the row is the result."""

    def __init__(self, connection: Redis) -> None:
        self._queues = {
            name: Queue(name, connection=connection, serializer=JSONSerializer, default_timeout=JOB_TIMEOUT_S)
            for name in set(QUEUES.values())
        }

    def poke(self, function: str, row_id: int) -> None:
        """Enqueue, unless many wait already; raises Retryable when the server is away."""
        queue = self._queues[QUEUES[function]]
        try:
            if queue.count >= MOST_WAITING:
                return
            queue.enqueue(function, row_id, result_ttl=0, failure_ttl=3600)
        except RedisError as error:
            message = f"the job queue is not available: {error}"
            raise Retryable(message) from error


def problem_of(url: str) -> Callable[[], str]:
    """A look that says why the server at `url` cannot be used, empty where it can."""
    server = _client(url, socket_connect_timeout=1, socket_timeout=2)

    def look() -> str:
        try:
            server.ping()
        except RedisError as error:
            return f"investigations wait, since the job queue is not available: {error}"
        return ""

    return look


def connect(url: str) -> Redis:
    """A connection with timeouts, so that an absent server is an error and not a hang; Permanent for a bad URL."""
    return _client(url, socket_connect_timeout=2, socket_timeout=30, health_check_interval=15)


def build(url: str) -> JobQueue:
    """The queue at `url`."""
    return RqQueue(_client(url, socket_connect_timeout=1, socket_timeout=2))


def _client(url: str, **options: int) -> Redis:
    try:
        # The older protocol needs no greeting, and the library would look its own version up on disk for each connection.
        return Redis.from_url(url, protocol=2, driver_info=None, **options)
    except ValueError as error:
        message = f"WATCHKEEPER_REDIS_URL is no Redis URL: {error}"
        raise Permanent(message) from error
