"""The chained log: events appended one transaction each, and a whole chain verified."""

import time

from bot.domain.event import EventType, NewEvent, first_break
from bot.ports import Transaction
from tests.bench.stores import fresh_store

EVENTS = 500


def append(tx: Transaction) -> None:
    """One event of ordinary size."""
    tx.append("bench", [NewEvent(EventType.NOTE_ADDED, {"by": "bench", "text": "x" * 200})], at_ms=1)


def measure(runs: int) -> list[dict[str, object]]:
    """Appends a second (one fsync each) and verified events a second."""
    appended, verified = [], []
    for _ in range(runs):
        with fresh_store() as store:
            begun = time.perf_counter()
            for _ in range(EVENTS):
                store.transact(append)
            appended.append(EVENTS / (time.perf_counter() - begun))
            events, head = store.read(lambda tx: (tx.events("bench"), tx.head("bench")))
            begun = time.perf_counter()
            assert first_break(b"a" * 32, ((e.seq, e.record, e.mac) for e in events), head) is None
            verified.append(EVENTS / (time.perf_counter() - begun))
    middle = runs // 2
    return [
        {"appends_per_s": round(sorted(appended)[middle]), "verified_per_s": round(sorted(verified)[middle])}
    ]
