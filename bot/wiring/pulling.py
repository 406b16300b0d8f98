"""Pulls what waits in queues into the intake: one thread for each source that has a queue, beside the HTTP doors."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import structlog

from bot.adapters import registry
from bot.boundary import guarded
from bot.domain.authenticity import id_key
from bot.domain.errors import Permanent
from bot.ports import AlertParser, Clock, Store, Transaction
from bot.settings import Settings

AGAIN_S = 5.0
# A redrive policy with fewer receives keeps an unreadable message in the dead-letter queue; without one it would come for
# ever.
MOST_RECEIVES = 10

_log = structlog.get_logger()


class Queue(Protocol):
    """Where messages wait until they are told to be done."""

    def receive(self) -> list[tuple[str, str, bytes, int]]: ...
    def done(self, receipt: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Pulled:
    """One source with its queue."""

    name: str
    parser: AlertParser
    queue: Queue
    store: Store
    clock: Clock
    committed: Callable[[], object]

    def pull(self) -> int:
        """Take what waits; returns how many messages were stored. Stored comes before deleted, always."""
        stored = 0
        for receipt, message_id, body, times in self.queue.receive():
            now = self.clock.now()
            once = f"id:{message_id}"
            try:
                delivery = self.parser.parse(body, source=self.name, received_at=now)
                once = id_key(delivery.once or message_id)
            except Permanent as error:
                _log.warning("message_unreadable", source=self.name, message=message_id, reason=str(error))
                if times < MOST_RECEIVES:
                    continue
                # Correlation sets it aside as any payload that cannot be read, which the log says.
            stored += self.store.transact(partial(self._keep, body=body, once=once, now=now))
            self.queue.done(receipt)
        if stored:
            self.committed()
        return stored

    def _keep(self, tx: Transaction, *, body: bytes, once: str, now: float) -> bool:
        new = tx.first_delivery(self.name, once, at=now)
        if new:
            tx.add_raw(self.name, self.parser.name, body, received_at=now)
        return new

    def run(self, stop: threading.Event) -> None:
        """Pull until told to stop; trouble is logged and waited out."""
        while not stop.is_set():
            if guarded(f"pull {self.name}", self.pull) is None:
                stop.wait(AGAIN_S)


def pulled(
    settings: Settings,
    parsers: Mapping[str, AlertParser],
    store: Store,
    clock: Clock,
    committed: Callable[[], object],
) -> Sequence[Pulled]:
    """One for each source that names a queue; AWS's library is loaded only where there is one."""
    urls = {name: source for name, source in settings.sources.items() if source.queue_url}
    if not urls:
        return ()
    sqs = registry.module("intake", "sqs")
    return [
        Pulled(name, parsers[source.kind], sqs.build(settings, source.queue_url), store, clock, committed)
        for name, source in urls.items()
    ]
