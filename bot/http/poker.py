"""When to wake the correlator: at the first commit, then at most twice a second while more comes.

The correlator itself waits for the rest of a storm and reads it meanwhile.
"""

import asyncio
import time

import structlog

from bot.domain.errors import Retryable
from bot.ports import JobQueue

_AGAIN_S = 0.5

_log = structlog.get_logger()


class Poker:
    """Told of every commit, it pokes. A lost poke is made good by the sweeper."""

    def __init__(self, queue: JobQueue) -> None:
        self._queue = queue
        self._event = asyncio.Event()
        self.newest_s = float("-inf")

    def committed(self) -> None:
        """A payload became durable just now."""
        self.newest_s = time.monotonic()
        self._event.set()

    def quiet_s(self) -> float:
        """How long ago a payload became durable, infinite where none did; for any thread."""
        return time.monotonic() - self.newest_s

    async def run(self) -> None:
        """Poke for ever; one task per process."""
        while True:
            await self._event.wait()
            self._event.clear()
            try:
                await asyncio.to_thread(self._queue.poke, "bot.jobs.correlate", 0)
            except Retryable as error:
                _log.warning("poke_lost", reason=str(error))
            await asyncio.sleep(_AGAIN_S)
