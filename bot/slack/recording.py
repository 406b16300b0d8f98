"""The one bridge from Bolt's event loop to the synchronous store: commits what listeners keep, in a thread of its own."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bot.ports import Clock, Store, Transaction

RAW_KIND = "slack"
ALERT, DELIVERY = "alert", "delivery"
MARKS = (ALERT, DELIVERY)


class Recorder:
    """Writes inbox rows. One thread, so that listeners queue here and not in the database."""

    def __init__(self, store: Store, clock: Clock, on_alert: Callable[[], None]) -> None:
        self._store = store
        self._clock = clock
        self._on_alert = on_alert
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="slack-record")

    async def record(self, dedupe: str, kind: str, payload: Mapping[str, Any]) -> bool:
        """Commit one row; False when this delivery was recorded before. ValueError for a key that no database keeps."""
        if "\0" in dedupe:
            message = "a NUL character"
            raise ValueError(message)
        return await self._run(lambda tx: tx.record_inbox(dedupe, kind, payload, at=self._clock.now()))

    async def record_alert(self, dedupe: str, source: str, body: bytes) -> bool:
        """Commit one raw alert body, once per delivery, and say that something is pending."""

        def work(tx: Transaction) -> bool:
            now = self._clock.now()
            if not tx.record_inbox(dedupe, ALERT, {"source": source}, at=now):
                return False
            tx.add_raw(source, RAW_KIND, body, received_at=now)
            return True

        new = await self._run(work)
        if new:
            self._on_alert()
        return new

    def close(self) -> None:
        """Finish what was taken up."""
        self._thread.shutdown(wait=True)

    async def _run(self, work: Callable[[Transaction], bool]) -> bool:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, lambda: self._store.transact(work))
