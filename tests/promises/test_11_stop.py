"""Promise 11: stop stops. A switch flipped at any instant lets the step in flight end, and no other one begins."""

import asyncio
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest

from bot.adapters.executors.scripted import ScriptedExecutor
from bot.adapters.store.sql import SqlStore
from bot.domain.command import CommandVerb
from bot.domain.freeze import FreezeWindow
from bot.domain.plan import PlanState
from bot.pipeline.execute.journal import Run
from bot.ports import Transaction
from bot.slack.deciding import words
from bot.slack.deciding.parts import DecidingParts, Decision
from bot.wiring.stop_file import stop_file
from tests.promises.conftest import Tally
from tests.slack.desk import Desk
from tests.unit.pipeline.execution_scene import INCIDENT, START, Scene, declare, plan_of, scale, undo

_FULL = 1000
_PARTS = 4
_SCOPES = ("tenant", f"incident:{INCIDENT}", "service:c", "action:kubectl/rollout-undo")
_WAYS = (*product(("switch", "window"), _SCOPES), ("file", "tenant"), ("file", "tenant"))


def plant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask nothing before a step."""
    monkeypatch.setattr(Run, "held", lambda _run, _tx, _step: None)
    monkeypatch.setitem(words._GENERAL, CommandVerb.UNFREEZE, _lifts_by_words)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("part", range(_PARTS))
def test_no_step_begins_after_the_switch(
    store: SqlStore, tmp_path: Path, promise: Callable[[int], Tally], part: int
) -> None:
    tally = promise(11)
    declare(store)
    for number in range(part, tally.size(_FULL, least=24), _PARTS):
        _trial(Scene(store, tmp_path / f"p{number}"), *random.choice(_WAYS), tally)


@dataclass(frozen=True)
class _Stop:
    """One way to stop: a switch, a freeze window or the stop file."""

    way: str
    scope: str
    name: str
    file: Path

    def on(self, tx: Transaction) -> None:
        """Inside the transaction after which no covered step may begin; the file is there already."""
        if self.way == "window":
            tx.add_freeze(FreezeWindow(self.name, self.scope, START, START + 9e6, "", "U1"))
        elif self.way == "switch":
            tx.set_switch(self.scope, True, by="U1", at=START)

    def off(self, tx: Transaction) -> None:
        """For the next trial."""
        self.file.unlink(missing_ok=True)
        if self.way == "window":
            tx.lift_freeze(self.name, at=START)
        elif self.way == "switch":
            tx.set_switch(self.scope, False, by="U1", at=START)


def _trial(scene: Scene, way: str, scope: str, tally: Tally) -> None:
    steps = [scale("a"), undo("b"), scale("c"), undo("d"), scale("e")]
    plan_hash = scene.stage(plan_of(steps, checks=()))
    stop = _Stop(way, scope, plan_hash[:16], scene.folder.parent / "STOP")
    scene.executor = ScriptedExecutor(scene.folder, latency_s=0.001)
    begun: set[str] = set()
    flipped = threading.Event()

    def work(tx: Transaction) -> None:
        stop.on(tx)
        begun.update(row.step for row in tx.steps(plan_hash))

    def flip() -> None:
        time.sleep(random.uniform(0.0, 0.1))
        if way == "file":
            stop.file.touch()
        scene.store.transact(work)
        flipped.set()

    thread = threading.Thread(target=flip)
    thread.start()
    scene.run(plan_hash, stopped=stop_file(stop.file))
    thread.join()
    assert flipped.is_set()
    scene.store.transact(stop.off)
    covered = {step.id for step in steps if scope in _scopes_of(step.target.service, step.action)}
    rows = scene.store.read(lambda tx: tx.steps(plan_hash))
    after = {row.step for row in rows} - begun
    tally.check(not after & covered, f"{sorted(after & covered)} began after the {way} of {scope} was on")
    ended = scene.state(plan_hash) in (PlanState.DONE, PlanState.STOPPED, PlanState.REFUSED)
    tally.check(ended, f"the plan is {scene.state(plan_hash)}")


_HOSTILE = (
    "unfreeze", "unfreeze tenant", "freeze off", "stop --off", "stop off", "lift the stop", "approve unfreeze",
    "{verb} unfreeze", "{verb} --off", "unfreeze <@U0BOT> now", "UNFREEZE!", "un freeze", "unfreeze INC-1",
    "unfreeze service checkout", "note unfreeze", "{verb} tenant off", "switch|tenant", "window|all", "resolve unfreeze",
)  # fmt: skip


@pytest.mark.timeout(900)
def test_no_words_lift_a_stop(store: SqlStore, promise: Callable[[int], Tally]) -> None:
    """Every verb and hostile words, by approvers and others, as mentions and as commands."""
    tally, desk = promise(11), Desk(store)
    desk.declare()
    held = ("tenant", "service:checkout")

    async def say(number: int) -> None:
        verb = random.choice(list(CommandVerb)).value
        words = random.choice(_HOSTILE).format(verb=verb)
        who = random.choice(("U0ONCALL1", "U0ONCALL2", "U0OUTSIDER", "U0GUEST", "U0NOBODY"))
        if number % 2:
            await desk.mention(who, words, thread_ts=desk.post("card").ts)
        else:
            await desk.slash(who, words)

    for scope in held:
        store.transact(lambda tx, scope=scope: tx.set_switch(scope, True, by="U1", at=START))
    for number in range(tally.size(_FULL // 2, least=30)):
        asyncio.run(say(number))
        on = {switch.scope for switch in store.read(lambda tx: tx.switches_on())}
        tally.check(set(held) <= on, f"words lifted {set(held) - on}")


def _lifts_by_words(parts: DecidingParts, tx: Transaction, *_rest: object) -> Decision:
    tx.set_switch("tenant", False, by="words", at=parts.clock.now())
    return Decision("lifted")


def _scopes_of(service: str, action: str) -> set[str]:
    return {"tenant", f"incident:{INCIDENT}", f"service:{service}", f"action:{action}"}
