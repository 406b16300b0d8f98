"""From the webhook to the card while one in twenty calls to database, Slack and queue fails, "did it, then timed out" too.

Every part is driven as its process drives it: whoever called comes again, the sweeper makes good what was lost.
"""

import asyncio
import itertools
import random
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar

import pytest

from bot.adapters.reasoner.none import NoReasoner
from bot.adapters.store.sql import SqlStore, keys_of, open_engine
from bot.boundary import guarded
from bot.domain.errors import Retryable
from bot.domain.event import first_break
from bot.domain.records import MessageKind
from bot.pipeline.correlate import Correlation, correlate
from bot.pipeline.investigate import investigate
from bot.pipeline.propose import Proposed
from bot.settings import Settings
from bot.slack.outbox import Outbox
from bot.wiring.sweeper import Sweeper
from tests.faults.faulty import Dice, FaultyChat, FaultyQueue, FaultyStore
from tests.promises.served import ALERTMANAGER_TOKEN, PARSERS, Talk, Wire, alert_body, served
from tests.slack.clock import HandClock

T = TypeVar("T")
BODIES, EACH = 60, 5
ROUNDS = 150


@pytest.fixture(params=[1, 2])
def seeded(request: pytest.FixtureRequest) -> random.Random:
    return random.Random(request.param)


@pytest.fixture
def faulty(
    store: SqlStore, settings: Callable[..., Settings], seeded: random.Random
) -> Iterator[FaultyStore]:
    """The same database as `store`, through an adapter that fails."""
    made = FaultyStore(open_engine(settings().database_url), store.tenant, keys_of(settings()))
    made.dice = Dice(seeded)
    yield made
    made.close()


async def _send_all(port: int) -> int:
    """Each body until it is acknowledged, as a monitoring system would; gives the number of requests."""
    talk, requests = Talk(port), 0
    for number in range(BODIES):
        head = ((b"Authorization", b"Bearer " + ALERTMANAGER_TOKEN.encode()),)
        wire = Wire(b"POST", b"/alerts/alertmanager", head, alert_body(f"m{number}", EACH))
        status = 0
        while status != 200:
            status = await talk.status(wire)
            requests += 1
            assert status in (200, 503)
    talk.close()
    return requests


def test_the_loop_holds_while_calls_fail(store: SqlStore, faulty: FaultyStore, seeded: random.Random) -> None:
    clock, dice = HandClock(), faulty.dice
    chat = FaultyChat(clock, dice, groups={"oncall": ("U0ONCALL1",)})
    queue = FaultyQueue(dice)
    with served(faulty) as port:
        requests = asyncio.run(_send_all(port))
    assert requests > BODIES, "no call failed, so that nothing was tried"

    numbers = itertools.count(1)
    parts = Correlation(faulty, PARSERS, None, clock, "one", lambda: f"inc-{next(numbers)}", False)
    sweeper = Sweeper(faulty, queue, clock, "correlator", resolve_after_s=9e9)
    outbox = Outbox(faulty, chat, clock, "C0ALERTS", "oncall", "S0ONCALL", "web-1")
    for _ in range(ROUNDS):
        clock.forward(3)
        guarded("sweep", sweeper.sweep)
        for function, row in queue.rows[:]:
            guarded(function, partial(_job, function, row, parts, faulty, clock))
        queue.rows.clear()
        guarded("outbox", outbox.send_due)
        if _settled(store, clock):
            break
    assert dice.failed > 10
    assert _settled(store, clock), "something is stuck"
    _judge(store, chat)


def _job(function: str, row: int, parts: Correlation, store: FaultyStore, clock: HandClock) -> None:
    """What the processes do with a poke."""
    if function == "bot.jobs.correlate":
        correlate(parts)
        return
    task = store.transact(lambda tx: tx.claim_task(row, now=clock.now(), lease_s=10.0))
    if task is None:
        return
    try:
        investigate(
            task, store=store, sources=(), topology=None, clock=clock, reasoner=NoReasoner(), propose=_nothing
        )
    except Retryable as error:
        due = clock.now() + error.delay_s
        store.transact(lambda tx: tx.release_task(task, due_at=due, reason="again"))
        return
    store.transact(lambda tx: tx.finish_task(task))


def _nothing(_incident: object, _diagnosis: object) -> Proposed:
    return Proposed((), ())


def _settled(store: SqlStore, clock: HandClock) -> bool:
    """Nothing is pending, due or unsent."""
    later = clock.now() + 1e6
    return store.read(
        lambda tx: (
            tx.oldest_pending_raw() is None
            and not tx.due_tasks(now=later)
            and not tx.due_messages(now=later, limit=1)
        )
    )


def _judge(store: SqlStore, chat: FaultyChat) -> None:
    (row,) = store.read(lambda tx: tx.open_incidents())
    found = store.read(lambda tx: tx.incident_alerts(row.id, limit=10_000))
    marks = {alert.labels["instance"] for alert in found}
    assert marks == {f"m{number}-{at}" for number in range(BODIES) for at in range(EACH)}
    incident = store.read(lambda tx: tx.incident(row.id))
    assert incident is not None
    assert incident.alerts_total == len(found) == incident.alerts_firing
    for kind in (MessageKind.CARD, MessageKind.EVIDENCE):
        message = store.read(lambda tx, kind=kind: tx.message(row.id, kind))  # type: ignore[misc]
        assert message is not None
        shown = [post for post in chat.posts if post.dedupe.endswith(f":{row.id}:{message.id}")]
        assert [post.ts for post in shown] == [message.ts]
    chain = store.read(lambda tx: tx.events(row.id))
    head = store.read(lambda tx: tx.head(row.id))
    stored = [(event.seq, event.record, event.mac) for event in chain]
    assert first_break(store._keys.audit, stored, head) is None
