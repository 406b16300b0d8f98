"""Warm before the first job: a made-up incident is investigated in a transaction that is taken back.

A job then finds statements compiled, modules loaded and code that has run, where the first one of each child had to wait
for all that. Nothing of it stays, nothing is sent, and trouble here only leaves the child cold.
"""

from collections.abc import Callable
from functools import partial
from itertools import cycle

import httpx

from bot.adapters.evidence._prometheus_api import asked
from bot.adapters.reasoner.none import NoReasoner
from bot.boundary import guarded
from bot.domain.alert import Alert, AlertSeverity, AlertStatus
from bot.domain.correlation import sorted_out
from bot.domain.evidence import Diagnosis
from bot.domain.incident import Incident
from bot.domain.records import StoredAlert, TaskKind
from bot.pipeline.declare import declare
from bot.pipeline.investigate import MOST_ALERTS, investigate
from bot.pipeline.look_again import look_again
from bot.pipeline.propose import Proposed
from bot.pipeline.taken_back import taken_back
from bot.pipeline.watch import Watch, watch
from bot.ports import Clock, Store, Transaction
from bot.wiring.made_up import CALLS, MadeUpGraph

# The interpreter adapts code to what it has seen after a few rounds; the first is as large as a storm, so that the memory
# for one is there.
_ROUNDS = (MOST_ALERTS, len(CALLS), len(CALLS))
_QUESTIONS = 8
_LEASE_S = 1.0


class _Nowhere(httpx.BaseTransport):
    """Answers as a system that measures nothing, without any connection."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"status": "success", "data": {"result": []}}, request=request)


def warm(store: Store, clock: Clock, new_id: Callable[[], str]) -> None:
    """Run what jobs run, without a trace."""
    guarded("warm", lambda: taken_back(store, partial(_run_through, clock, new_id)))
    "warm".encode("idna")  # How every address is looked up first, from a module of its own.
    with httpx.Client(transport=_Nowhere(), trust_env=False) as client:
        for _ in range(_QUESTIONS):
            asked(client, "http://nowhere.invalid", {"query": "up"})


def _run_through(clock: Clock, new_id: Callable[[], str], store: Store) -> None:
    for size in _ROUNDS:
        _investigated(store, clock, new_id(), size)
    watch(Watch(store, (), (), MadeUpGraph(), clock, new_id()))


def _investigated(store: Store, clock: Clock, incident: str, size: int) -> None:
    """The way of one task, from the alerts that led to it to its end."""
    now = clock.now()
    alerts = [_alert(incident, number, service, now) for number, service in zip(range(size), cycle(CALLS))]

    def opened(tx: Transaction) -> int:
        tx.save_alerts([StoredAlert(alert, incident, "first", 1, 0) for alert in alerts])
        return declare(tx, sorted_out(alerts), incident=incident, now=now, observe_only=True).task

    due = store.transact(opened)
    task = store.transact(lambda tx: tx.claim_task(due, now=clock.now(), lease_s=_LEASE_S))
    if task is None:
        return
    outcome = investigate(
        task,
        store=store,
        sources=(),
        topology=MadeUpGraph(),
        clock=clock,
        reasoner=NoReasoner(),
        propose=_nothing_offered,
    )
    look_again(store, task, outcome, now=now)
    again = store.transact(lambda tx: tx.add_task(TaskKind.INVESTIGATE, incident, "again", due_at=now))
    store.transact(lambda tx: tx.claim_task(again, now=clock.now(), lease_s=_LEASE_S))
    store.read(lambda tx: tx.due_tasks(now=now))
    store.transact(lambda tx: tx.finish_task(task))


def _alert(incident: str, number: int, service: str, now: float) -> Alert:
    return Alert(
        f"{incident}{number}",
        "warm",
        f"Errors{number}",
        AlertStatus.FIRING,
        AlertSeverity.CRITICAL,
        service,
        f"errors on {service}",
        now - number,
        now,
        None,
        {"service": service},
    )


def _nothing_offered(_incident: Incident, _diagnosis: Diagnosis) -> Proposed:
    return Proposed((), ())
