"""Promise 4 over real HTTP: eight people press at once, everything is sent again, and each plan executes once.

Slack's HTTP mode on a real port, two deciding loops on one database as two web processes would run them, two
executors that race for every plan, and the scripted provider's own record of what was done.
"""

import asyncio
import contextlib
import hashlib
import hmac
import json
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from bot.adapters.executors.scripted import ScriptedExecutor, key_of, save_world
from bot.adapters.queue.inline import InlineQueue
from bot.adapters.store.parts.plans import PlansPart
from bot.adapters.store.sql import SqlStore
from bot.blocks.ids import APPROVE_REVIEW, ModalPlace, Reference
from bot.domain.incident import Severity
from bot.domain.plan import Plan, PlanState
from bot.domain.records import MessageKind
from bot.pipeline import approve as stage_module
from bot.pipeline.declare import declare_by_hand
from bot.pipeline.execute.stage import execute
from bot.pipeline.execute.terms import Means
from bot.pipeline.propose import Proposed, record_proposal
from bot.ports import Transaction
from bot.slack.answers import Answers, at_once
from bot.slack.app import build_app
from bot.slack.deciding.parts import DecidingParts
from bot.slack.http_mode import door
from bot.slack.inbox import decide_inbox
from bot.slack.listening import SlackPorts
from bot.slack.recording import Recorder
from tests.gate_stage import CARD_TS, GROUP, HOME, KEY, REASON, ROOM, Now, workspace
from tests.promises.conftest import Tally
from tests.promises.served import Talk, Wire, hosted
from tests.unit.pipeline.execution_scene import Shelf, live_of, plan_of, playbook_for, scale

FULL = 1000
PARTS = 2
CLICKERS = 8
APART_S = 200.0  # No more plans an hour than one action may have.
SECRET = "signing-secret-of-the-test"


def plant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decide without the compare-and-set and without asking whether somebody decided before."""
    monkeypatch.setattr(stage_module, "refusal_of", lambda _click, _facts: None)
    monkeypatch.setattr(PlansPart, "move_plan", lambda _self, _hash, **_states: True)
    monkeypatch.setattr(PlansPart, "add_grant", lambda _self, _grant: None)


@dataclass
class Web:
    """The front door and two deciding loops, of which the second rests where `alone` is set."""

    store: SqlStore
    port: int
    clock: Now
    settled: Callable[[], None]
    alone: threading.Event


@contextlib.contextmanager
def web(store: SqlStore) -> Iterator[Web]:
    """Slack's endpoint on a port, with two deciding loops behind it."""
    clock = Now()
    recorder = Recorder(store, clock, lambda: None)
    poked, stopping, alone = threading.Event(), threading.Event(), threading.Event()
    ports = SlackPorts(
        record=recorder.record,
        record_alert=recorder.record_alert,
        mark=recorder.mark,
        poke=poked.set,
        team=HOME,
        bot_user="U0BOT",
        bot_token="xoxb-test",
        api_url="http://127.0.0.1:9/api/",
        signing_secret=SECRET,
    )
    endpoint = door(build_app(ports), ports, now=clock.now)
    deciders = [
        threading.Thread(target=_decide, args=(_parts(store, clock), poked, stopping, rests))
        for rests in (threading.Event(), alone)
    ]
    for thread in deciders:
        thread.start()

    def settled() -> None:
        while store.read(lambda tx: tx.pending_inbox(limit=1)):
            poked.set()
            stopping.wait(0.01)

    with hosted(Starlette(routes=[Route("/", endpoint, methods=["POST"])])) as port:
        yield Web(store, port, clock, settled, alone)
    stopping.set()
    for thread in deciders:
        thread.join()
    recorder.close()


def _parts(store: SqlStore, clock: Now) -> DecidingParts:
    chat = workspace(clock)
    return DecidingParts(
        store=store,
        chat=chat,
        clock=clock,
        queue=InlineQueue({"bot.jobs.work": lambda _task: None}),
        grant_key=KEY,
        approver_group=GROUP,
        home_team=HOME,
        observe_only=False,
        new_id=lambda: "unused",
        say=Answers(chat, clock, at_once, lambda _seconds: True).say,
    )


def _decide(
    parts: DecidingParts, poked: threading.Event, stopping: threading.Event, rests: threading.Event
) -> None:
    while not stopping.is_set():
        poked.wait(0.05)
        if not rests.is_set():
            poked.clear()
            decide_inbox(parts)
        else:
            stopping.wait(0.05)


def offered(store: SqlStore, number: int, now: float) -> Plan:
    """One incident of its own with a plan on its posted card."""
    incident = f"inc-{number}"
    plan = plan_of([scale(f"cart-{number}")], now=now, checks=(), incident=incident)

    def work(tx: Transaction) -> None:
        declare_by_hand(
            tx, incident=incident, title="errors", severity=Severity.SEV2, by="U0LEAD", now=now, observe_only=False
        )  # fmt: skip
        record_proposal(tx, incident, Proposed((("A", plan),), ()), now=now)
        message = tx.message(incident, MessageKind.PROPOSAL)
        assert message is not None
        tx.place_message(message.id, channel=ROOM, thread_ts="")
        tx.sent_message(message.id, ts=CARD_TS, revision=1, next_at=now, now=now)

    store.transact(work)
    return plan


def signed(plan: Plan, clicker: int, now: float) -> Wire:
    """One person's approval of the plan as Slack sends it."""
    place = ModalPlace(Reference(plan.incident, plan.hash, 1).value(), ROOM, CARD_TS)
    view = {
        "id": f"V{plan.hash[:12]}{clicker}",
        "type": "modal",
        "hash": "h",
        "callback_id": APPROVE_REVIEW,
        "private_metadata": place.metadata(),
        "state": {"values": {"reason": {"reason": {"type": "plain_text_input", "value": REASON}}}},
        "blocks": [],
    }
    who = {"id": "U0FIRST" if clicker % 2 else "U0SECOND", "team_id": HOME}
    payload = {"type": "view_submission", "user": who, "team": {"id": HOME}, "view": view}
    body = urlencode({"payload": json.dumps(payload)}).encode()
    stamp = str(int(now)).encode()
    mac = hmac.new(SECRET.encode(), b"v0:" + stamp + b":" + body, hashlib.sha256).hexdigest()
    headers = (
        (b"X-Slack-Request-Timestamp", stamp),
        (b"X-Slack-Signature", b"v0=" + mac.encode()),
        (b"Content-Type", b"application/x-www-form-urlencoded"),
    )
    return Wire(b"POST", b"/", headers, body)


class Provider:
    """One plan's provider, and two executors that go for the plan at the same moment."""

    def __init__(self, store: SqlStore, plan: Plan, folder: Path, clock: Now) -> None:
        save_world(folder, {key_of(step.target): live_of(step.target) for step in plan.steps}, ())
        self._scripted = ScriptedExecutor(folder)
        self._plan = plan
        self._means = [self._of(store, clock, f"executor-{at}") for at in range(2)]

    def _of(self, store: SqlStore, clock: Now, holder: str) -> Means:
        return Means(
            store=store,
            executors={"aws": self._scripted},
            playbooks=Shelf([playbook_for(self._plan)]),
            measure=lambda *_given: None,
            clock=clock,
            sleep=lambda _seconds: None,
            grant_key=KEY,
            mode="supervised",
            holder=holder,
        )

    def executions(self) -> int:
        """Let both try; how often the provider was told to act."""
        threads = [threading.Thread(target=execute, args=(self._plan.hash, one)) for one in self._means]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return len(self._scripted.calls())


async def press(talks: list[Talk], wires: list[Wire]) -> list[int]:
    return list(await asyncio.gather(*(talk.status(one) for talk, one in zip(talks, wires, strict=True))))


@pytest.mark.timeout(900)
@pytest.mark.parametrize("part", range(PARTS))
def test_clicks_and_replays_over_http(
    part: int, store: SqlStore, tmp_path: Path, promise: Callable[[int], Tally]
) -> None:
    tally, dice = promise(4), random.Random(4 + part)
    runner = asyncio.Runner()
    executed = 0
    with web(store) as front, runner:
        talks = [Talk(front.port) for _ in range(CLICKERS)]
        for number in range(tally.size(FULL, least=8) // PARTS):
            front.clock.at += APART_S
            _every_fourth(front.alone, number)
            plan = offered(store, number, front.clock.at)
            wires = [signed(plan, clicker, front.clock.at) for clicker in range(CLICKERS)]
            taken = runner.run(press(talks, wires))
            front.settled()
            assert taken == [200] * CLICKERS
            found = _decided(store, plan)
            tally.check(found == (1, PlanState.GRANTED), f"{CLICKERS} clickers came to {found}")
            provider = Provider(store, plan, tmp_path / f"p{number}", front.clock)
            executions = provider.executions()
            executed += executions
            tally.check(executions == 1, f"one approval executed {executions} times")
            # What was captured is sent again, by itself, while the plan is over and the door has seen it.
            again = runner.run(talks[0].status(dice.choice(wires)))
            front.settled()
            replayed = (again, _decided(store, plan)[0], provider.executions())
            tally.check(replayed == (401, 1, 1), f"a replay was answered, approved and executed {replayed}")
        for talk in talks:
            talk.close()
    print(f"part {part}: {executed} executions of {number + 1} plans, {CLICKERS} clickers each")


def _every_fourth(alone: threading.Event, number: int) -> None:
    """Two loops that decide the same rows take twice the time, so that they race on a part of the plans."""
    if number % 4:
        alone.set()
    else:
        alone.clear()


def _decided(store: SqlStore, plan: Plan) -> tuple[int, PlanState | None]:
    log = store.read(lambda tx: tx.events(plan.incident))
    row = store.read(lambda tx: tx.plan(plan.hash))
    approvals = sum(event.type.value == "approval_granted" for event in log)
    return approvals, row.state if row else None
