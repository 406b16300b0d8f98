"""A whole incident, from the webhook to the post-mortem, while one call in twenty fails everywhere at once.

The product's own parts in one process: intake over HTTP, correlation, the worker's tasks with the shipped playbooks,
outbox, clicks through Bolt, the gate, the executor's loop, verification, resolution and review. Database, Slack, queue,
telemetry, inventory and provider fail; whoever called comes again, as in production. It must end as without faults.
"""

import asyncio
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pytest

from bot.adapters.executors.scripted import ScriptedExecutor, key_of, save_world
from bot.adapters.playbooks import yaml_files
from bot.adapters.reasoner.none import NoReasoner
from bot.adapters.store.sql import SqlStore, keys_of, open_engine
from bot.blocks.ids import REVIEW
from bot.boundary import guarded
from bot.domain.actions.table import action_of
from bot.domain.errors import Retryable
from bot.domain.event import EventType, first_break
from bot.domain.incident import Incident, IncidentState
from bot.domain.plan import PlanState, Target
from bot.domain.records import MessageKind
from bot.domain.telemetry import MetricSeries, Missing, Readings
from bot.pipeline.correlate import Correlation, correlate
from bot.pipeline.execute.stage import execute
from bot.pipeline.execute.terms import Means
from bot.pipeline.investigate import HISTORY_S
from bot.pipeline.prove import nothing_recorded
from bot.settings import Settings
from bot.slack.answers import Answers, at_once
from bot.slack.inbox import decide_inbox
from bot.slack.outbox import Outbox
from bot.wiring import worker
from bot.wiring.sweeper import Sweeper
from tests.faults.faulty import Dice, FaultyChat, FaultyExecutor, FaultyQueue, FaultyStore
from tests.promises.served import PARSERS
from tests.promises.whole_incident import Graph, alerts_of
from tests.slack.clock import HandClock
from tests.slack.desk import KEY, PEOPLE, Desk
from tests.unit.domain.test_diagnosis import bad_deploy
from tests.unit.pipeline.execution_scene import live_of

SUSPECT = Target("k8s.deployment", "cart", "production", "uid-cart", "cart")
ROUNDS, ROUND_S = 400, 3.0
LEASE_S = 15.0
ALERTS = 40
STARTED = "2026-05-04T03:10:00Z"


@dataclass
class LossyTelemetry:
    """Readings of a bad deploy just before the incident opened, which go on until now; now and then none."""

    dice: Dice
    name: str = "metrics"

    def collect(self, services: Sequence[str], *, start: float, end: float) -> Readings:
        if self.dice.fails():
            return Readings(missing=(Missing.of(self.name, Retryable("no answer")),))
        told = bad_deploy()
        shift = start + HISTORY_S - told.opened_at
        return Readings(
            series=tuple(_until(one, shift, end) for one in told.series),
            logs=tuple(replace(one, at=one.at + shift) for one in told.logs),
            changes=tuple(replace(one, at=one.at + shift) for one in told.changes),
        )


def _until(series: MetricSeries, shift: float, end: float) -> MetricSeries:
    """The series later by `shift`, and its last value every ten seconds until `end`."""
    times = [at + shift for at in series.times]
    more = [times[-1] + 10.0 * n for n in range(1, 1 + max(0, int((end - times[-1]) / 10)))]
    return replace(series, times=(*times, *more), values=(*series.values, *[series.values[-1]] * len(more)))


@dataclass
class LossyInventory:
    """The one Deployment of the suspect, as the provider has it."""

    provider: ScriptedExecutor
    dice: Dice
    kinds: tuple[str, ...] = ("k8s.deployment",)

    def find(self, kind: str, service: str) -> list[tuple[Target, Mapping[str, str]]]:
        if self.dice.fails():
            raise Retryable("no answer")
        live = dict(self.provider.read(SUSPECT))
        return [(SUSPECT, live)] if (kind, service) == ("k8s.deployment", "cart") else []

    def declared(self, kind: str, role: str) -> list[tuple[Target, Mapping[str, str]]]:
        return []


@dataclass
class Product:
    """All of it, over one store that fails; `people` approve what is offered until it is taken."""

    store: SqlStore
    faulty: FaultyStore
    folder: Path
    settings: Settings
    dice: Dice
    clock: HandClock = field(default_factory=HandClock)

    def __post_init__(self) -> None:
        world = {**live_of(SUSPECT), "previous_revision": "1", "previous_template_hash": "older"}
        save_world(self.folder, {key_of(SUSPECT): world}, ())
        self.provider = ScriptedExecutor(self.folder)
        self.desk = Desk(self.faulty, clock=self.clock)
        self.chat = FaultyChat(self.clock, self.dice, people=dict(PEOPLE), groups={"oncall": ("U0ONCALL1",)})
        self.desk.chat = self.chat
        said = Answers(self.chat, self.clock, at_once, self.clock.forward).say
        self.desk.parts = replace(self.desk.parts, chat=self.chat, say=said)
        self.queue = FaultyQueue(self.dice)
        self.outbox = Outbox(self.faulty, self.chat, self.clock, "C0ALERTS", "oncall", "S0ONCALL", "web-1")
        self.sweeper = Sweeper(self.faulty, self.queue, self.clock, "web", resolve_after_s=30.0)
        # One incident is to come of all of it, whatever is tried again; a second one would have the same name.
        self.parts = Correlation(
            self.faulty, PARSERS, Graph(), self.clock, "me", lambda: "inc-1", observe_only=False
        )
        self.books = yaml_files.build(self.settings)
        self.readers = worker.Readers(
            sources=(LossyTelemetry(self.dice),),
            topology=Graph(),
            inventories=(LossyInventory(self.provider, self.dice),),
            playbooks=self.books.all(),
            reasoner=NoReasoner(),
            history=nothing_recorded,
            settings=self.settings,
        )
        self.read = 0

    def means(self) -> Means:
        provider = FaultyExecutor(self.provider, self.dice, self.clock.forward)
        return Means(
            store=self.faulty,
            executors={"kubectl": provider},
            playbooks=self.books,
            measure=lambda _signal, _service, _now: 0.001 if self.healed() else 0.4,
            clock=self.clock,
            sleep=self.clock.forward,
            grant_key=KEY,
            mode="supervised",
            holder="executor-1",
            lease_s=LEASE_S,
        )

    def healed(self) -> bool:
        return self.provider.read(SUSPECT)["template_hash"] == "older"

    def send(self, *, firing: bool) -> None:
        """Until it is acknowledged, as a monitoring system does."""
        body = alerts_of([f"m{at}" for at in range(ALERTS)], STARTED)
        if not firing:
            body = body.replace(
                b'"labels"', b'"status": "resolved", "endsAt": "2026-05-04T03:40:00Z", "labels"'
            )
        for _ in range(100):
            try:
                self.faulty.transact(
                    lambda tx: tx.add_raw("prod", "alertmanager", body, received_at=self.clock.now())
                )
            except Retryable:
                continue
            return

    def turn(self) -> None:
        """A few seconds of all processes."""
        self.clock.forward(ROUND_S)
        guarded("sweep", self.sweeper.sweep)
        for function, row in self.queue.rows[:]:
            guarded(function, partial(self._job, function, row))
        self.queue.rows.clear()
        guarded("inbox", partial(decide_inbox, self.desk.parts))
        guarded("outbox", self.outbox.send_due)
        with self.quiet():
            due = list(self.store.read(lambda tx: tx.claimable_plans(now=self.clock.now())))
        for plan_hash in due:
            guarded("execute", partial(execute, plan_hash, self.means()))

    def _job(self, function: str, row: int) -> None:
        if function == "bot.jobs.correlate":
            correlate(self.parts)
        else:
            worker.work_on(row)

    async def approve(self) -> None:
        """Look at the first option and submit it; whoever sees nothing happen does it again."""
        with self.quiet():
            message = self.store.read(lambda tx: tx.message("inc-1", MessageKind.PROPOSAL))
        post = next((one for one in self.chat.posts if message is not None and one.ts == message.ts), None)
        if post is None:
            return
        offered = [one for one in _actions(post.blocks) if str(one.get("action_id", "")).startswith(REVIEW)]
        if len(self.chat.views) > self.read:
            self.read = len(self.chat.views)
            await self.desk.dispatch(self.desk.submission_body("U0ONCALL1", {"reason": "the release did it"}))
        elif offered:
            await self.desk.dispatch(self.desk.click_body("U0ONCALL1", post, REVIEW))

    def incident(self) -> Incident | None:
        return self.store.read(lambda tx: tx.incident("inc-1"))

    def quiet(self) -> "Quiet":
        return Quiet(self.dice)


class Quiet:
    """The test itself looks without faults."""

    def __init__(self, dice: Dice) -> None:
        self.dice = dice

    def __enter__(self) -> None:
        self.dice.off = True

    def __exit__(self, *_: object) -> None:
        self.dice.off = False


def _actions(value: object) -> Iterator[dict[str, object]]:
    if isinstance(value, dict):
        if "action_id" in value:
            yield value
        for part in value.values():
            yield from _actions(part)
    elif isinstance(value, list):
        for part in value:
            yield from _actions(part)


SEEDS = int(os.environ.get("WATCHKEEPER_TEST_FUZZ", "0")) or 1


@pytest.mark.parametrize("seed", range(1, SEEDS + 1))
def test_it_ends_as_without_faults(
    seed: int,
    store: SqlStore,
    settings: Callable[..., Settings],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chosen = settings(mode="supervised", playbooks_dir="playbooks", prometheus_url="http://127.0.0.1:9")
    faulty = FaultyStore(open_engine(chosen.database_url), store.tenant, keys_of(chosen))
    faulty.dice = Dice(random.Random(seed))
    product = Product(store, faulty, tmp_path / "provider", chosen, faulty.dice)
    monkeypatch.setattr(worker, "readers", lambda: product.readers)
    monkeypatch.setattr(worker, "kept_store", lambda: faulty)
    monkeypatch.setattr(worker, "SystemClock", lambda: product.clock)
    asyncio.run(_played(product))
    product.desk.recorder.close()
    assert product.dice.failed > 8
    if _parked(product):
        assert len(product.provider.calls()) <= 1
    else:
        _judge(product)
    faulty.close()


async def _played(product: Product) -> None:
    product.send(firing=True)
    told = False
    for _ in range(ROUNDS):
        await asyncio.to_thread(product.turn)
        incident = product.incident()
        if incident is None:
            continue
        if not product.provider.calls():
            await product.approve()
        elif product.healed() and not told and incident.state is IncidentState.MONITORING:
            product.send(firing=False)
            told = True
        if (incident.state is IncidentState.RESOLVED and _reviewed(product)) or _parked(product):
            return
    incident = product.incident()
    told = [line.text for line in incident.timeline] if incident else []
    plans = [
        (row.plan.option, row.state.value) for row in product.store.read(lambda tx: tx.plans_of("inc-1"))
    ]
    raise AssertionError(
        ("it never ended", told[-12:], plans, product.chat.whispers[-3:], product.desk.alerts[-3:])
    )


def _parked(product: Product) -> bool:
    """A change that was hung up on before it was made looks like one that is under way: a human must look."""
    plans = product.store.read(lambda tx: tx.plans_of("inc-1"))
    return any(row.state is PlanState.PARKED for row in plans)


def _reviewed(product: Product) -> bool:
    """The draft is there, and nothing is unsent or due."""
    later = product.clock.now() + 1e6
    return product.store.read(
        lambda tx: (
            bool(tx.postmortem("inc-1"))
            and not tx.due_tasks(now=later)
            and not tx.due_messages(now=later, limit=1)
        )
    )


def _judge(product: Product) -> None:
    store = product.store
    effects = Counter(call["token"] for call in product.provider.calls())
    assert list(effects.values()) == [1], effects
    ran = (PlanState.GRANTED, PlanState.RUNNING, PlanState.DONE, PlanState.FAILED, PlanState.PARKED)
    (done,) = [row for row in store.read(lambda tx: tx.plans_of("inc-1")) if row.state in ran]
    assert done.state is PlanState.DONE
    assert {action_of(step.action).id for step in done.plan.steps} == {"kubectl/rollout-undo"}
    assert len(store.read(lambda tx: tx.all_incidents(limit=9))) == 1
    events = store.read(lambda tx: tx.events("inc-1"))
    once = (EventType.INCIDENT_DECLARED, EventType.APPROVAL_GRANTED, EventType.EXECUTION_FINISHED)
    count = Counter(event.type for event in events)
    assert {kind: count[kind] for kind in once} == dict.fromkeys(once, 1)
    keys = Counter(post.dedupe for post in product.chat.posts)
    assert set(keys.values()) == {1}, keys
    head = store.read(lambda tx: tx.head("inc-1"))
    assert first_break(store._keys.audit, [(one.seq, one.record, one.mac) for one in events], head) is None
    incident = product.incident()
    assert incident is not None
    assert (incident.alerts_total, incident.alerts_firing) == (ALERTS, 0)
