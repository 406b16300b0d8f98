"""Warm before the first alert: the correlator folds a made-up storm in a transaction that is taken back.

The first storm of a process would else pay for compiling statements and for code that never ran: a tenth of its time.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from bot.adapters.monitoring import alertmanager
from bot.boundary import guarded
from bot.pipeline.correlate import Correlation, correlate
from bot.pipeline.taken_back import taken_back
from bot.pipeline.usual import Usual
from bot.ports import Store, Transaction
from bot.wiring.made_up import CALLS, MadeUpGraph

# The interpreter adapts code to what it has seen after a few rounds.
_ROUNDS = 3
_PAYLOADS, _ALERTS = 4, 25
_WORDS = ("Errors", "Slow", "Down")
_SEVERITIES = ("critical", "warning", "info")


def warm_correlator(parts: Correlation) -> None:
    """Run what a storm runs, without a trace; trouble here only leaves the process cold."""
    guarded("warm", lambda: taken_back(parts.store, partial(_folded, parts)))


def _folded(parts: Correlation, store: Store) -> None:
    if store.read(lambda tx: tx.oldest_pending_raw()) is not None:
        return  # There is real work to do.
    made_up = replace(
        parts,
        store=store,
        parsers={alertmanager.FACTS.kind: alertmanager.build()},
        topology=MadeUpGraph(),
        owed={},
        usual=Usual(),
        breathe=lambda: None,
    )
    for number in range(_ROUNDS):
        store.transact(partial(_arrived, number=number, now=parts.clock.now()))
        correlate(made_up)


def _arrived(tx: Transaction, number: int, now: float) -> None:
    for payload in range(_PAYLOADS):
        alerts = list(_alerts(f"{number}-{payload}"))
        body = json.dumps({"version": "4", "alerts": alerts}).encode()
        tx.add_raw("warm", alertmanager.FACTS.kind, body, received_at=now)


def _alerts(batch: str) -> Iterator[dict[str, object]]:
    services = sorted(CALLS)
    for number in range(_ALERTS):
        service, word = services[number % len(services)], _WORDS[number % len(_WORDS)]
        labels = {
            "alertname": word,
            "service": service,
            "severity": _SEVERITIES[number % 3],
            "pod": f"{batch}-{number}",
        }
        yield {
            "status": "firing",
            "labels": labels,
            "annotations": {"summary": f"{word} on {service}"},
            "startsAt": "2026-01-01T00:00:00Z",
        }
