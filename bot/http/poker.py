"""When to wake the correlator: 250 ms after the first pending row, then at the first 50 ms gap, at most 450 ms."""

import asyncio

import structlog

from bot.domain.errors import Retryable
from bot.ports import JobQueue

_FIRST_S = 0.25
_GAP_S = 0.05
_MOST_S = 0.45

_log = structlog.get_logger()


class Poker:
    """Told of every commit, it pokes once per burst. A lost poke is made good by the sweeper."""

    def __init__(self, queue: JobQueue) -> None:
        self._queue = queue
        self._event = asyncio.Event()
        self._last = 0.0

    def committed(self) -> None:
        """A payload became durable just now."""
        self._last = asyncio.get_running_loop().time()
        self._event.set()

    async def run(self) -> None:
        """Poke for ever; one task per process."""
        loop = asyncio.get_running_loop()
        while True:
            await self._event.wait()
            first = loop.time()
            await asyncio.sleep(_FIRST_S)
            wait = self._wait(loop.time(), first)
            while wait > 0:
                await asyncio.sleep(wait)
                wait = self._wait(loop.time(), first)
            self._event.clear()
            try:
                await asyncio.to_thread(self._queue.poke, "bot.jobs.correlate", 0)
            except Retryable as error:
                _log.warning("poke_lost", reason=str(error))

    def _wait(self, now: float, first: float) -> float:
        """Seconds until the gap is long enough or the burst has lasted too long."""
        return min(self._last + _GAP_S - now, first + _MOST_S - now)
