"""Promise 1: no change without a recorded approval of that exact plan, or a signed standing order that it comes from.

Plans are put before the real executor in every state that somebody without the grant key could write. With live orders
in place, hostile answers of a model are read, believed and written into the incident; nothing may fire that the engine
alone would not have fired. A part of them plays whole investigations on the real store with the executor's own loop.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from bot.adapters.reasoner.openai import read_answer
from bot.adapters.store.sql import SqlStore
from bot.domain import order_rules
from bot.domain.citations import checked
from bot.domain.correlation import sorted_out
from bot.domain.diagnosis.engine import diagnose
from bot.domain.event import EventType, NewEvent, seal
from bot.domain.evidence import CauseClass, Conclusion, Diagnosis, Explanation, Sentence
from bot.domain.evidence_json import explanation_body
from bot.domain.gate import sign_grant
from bot.domain.incident import Incident, IncidentState
from bot.domain.incident_fold import apply
from bot.domain.order_rules import Around, Held, Stored
from bot.domain.plan import Plan, PlanState
from bot.domain.records import Grant, StoredAlert, Task, TaskKind
from bot.domain.standing_order import OrderRow, OrderState, sign_order
from bot.pipeline import orders as orders_module
from bot.pipeline.declare import declare as declare_alerts
from bot.pipeline.execute import recheck as recheck_module
from bot.pipeline.execute.stage import execute
from bot.pipeline.investigate import investigate
from bot.pipeline.orders import fire_orders
from bot.pipeline.propose import Proposed
from tests.promises.hostile import Output, outputs
from tests.unit.domain.incidents import NOW, OPENED
from tests.unit.domain.test_diagnosis import bad_deploy
from tests.unit.pipeline.execution_scene import KEY, START, declare, plan_of, undo
from tests.unit.pipeline.order_scene import (
    START_MS,
    OrderScene,
    auto_playbook,
    caused,
    offered,
    order_of,
    store_order,
)
from tests.unit.pipeline.test_investigate import At, Graph, Told, readings

FULL_WORDS, FULL_PLAYED, FULL_WRITTEN = 100_000, 300, 600


def plant(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model's words count as a cause that was found; any grant, and none, counts as an approval."""
    genuine = order_rules.uncaused

    def believing(order: Any, playbook: Any, incident: Incident) -> Held | None:
        said = incident.explanation
        return None if said is not None and said.author == "model" else genuine(order, playbook, incident)

    monkeypatch.setattr(order_rules, "uncaused", believing)
    monkeypatch.setattr(recheck_module, "grant_is_genuine", lambda _grant, _key: True)
    monkeypatch.setattr(recheck_module, "order_refusal", lambda *_args, **_more: None)


# --- what somebody without the key could write into the database -----------------------------------------------


def a_grant(plan: Plan, key: bytes = KEY, **fields: Any) -> Grant:
    now_ms = round(START * 1000)
    given: dict[str, Any] = {
        "plan_hash": plan.hash, "approver": "U0A", "team": "T1", "channel": "C1", "message_ts": "1.1",
        "granted_ms": now_ms, "expires_ms": now_ms + 600_000, "nonce": "n", **fields,
    }  # fmt: skip
    return sign_grant(key=key, **given)


Write = Callable[[Any, Plan, str], None]


def _granted(make: Callable[[Plan, str], Grant | None]) -> Write:
    def write(tx: Any, plan: Plan, order_hash: str) -> None:
        grant = make(plan, order_hash)
        if grant is not None:
            tx.add_grant(grant)
        tx.move_plan(plan.hash, to=PlanState.GRANTED, frm=(PlanState.PROPOSED,))

    return write


def _with_event(make: Callable[[Plan, str], Grant | None]) -> Write:
    """The log says that it was approved, as the worker, which holds the log's key, could make it say."""

    def write(tx: Any, plan: Plan, order_hash: str) -> None:
        _granted(make)(tx, plan, order_hash)
        body = {"plan_hash": plan.hash, "by": "U0A", "at_ms": round(START * 1000)}
        tx.append(plan.incident, [NewEvent(EventType.APPROVAL_GRANTED, body)], at_ms=START_MS)

    return write


def _with_firing(make: Callable[[Plan, str], Grant | None]) -> Write:
    def write(tx: Any, plan: Plan, order_hash: str) -> None:
        _granted(make)(tx, plan, order_hash)
        body = {
            "order": "SO-1", "order_hash": order_hash, "plan_hash": plan.hash, "incident": plan.incident,
            "at_ms": START_MS, "confidence_milli": 990,
        }  # fmt: skip
        tx.append(plan.incident, [NewEvent(EventType.ORDER_FIRED, body)], at_ms=START_MS)

    return write


_OTHER_KEY = b"x" * 32
WRITTEN: dict[str, Write] = {
    "no grant at all": _granted(lambda _plan, _order: None),
    "only the log says so": _with_event(lambda _plan, _order: None),
    "a grant by another key": _with_event(lambda plan, _order: a_grant(plan, _OTHER_KEY)),
    "a grant without a MAC": _with_event(lambda plan, _order: replace(a_grant(plan), mac=b"")),
    "a grant whose approver was changed": _with_event(lambda plan, _o: replace(a_grant(plan), approver="U0B")),
    "a grant made longer": _with_event(lambda plan, _o: replace(a_grant(plan), expires_ms=START_MS + 10**9)),
    "a grant of another plan": _with_event(
        lambda plan, _o: replace(a_grant(replace(plan, nonce="other")), plan_hash=plan.hash)
    ),
    "a grant turned into an order's": _with_firing(
        lambda plan, order: replace(a_grant(plan), approver="", order_hash=order)
    ),
    "an order's grant by another key": _with_firing(
        lambda plan, order: a_grant(plan, _OTHER_KEY, approver="", team="", channel="", message_ts="", order_hash=order)
    ),
    "an order's grant turned into a person's": _with_event(
        lambda plan, order: replace(a_grant(plan, approver="", order_hash=order), approver="U0A", order_hash="")
    ),
}  # fmt: skip


@pytest.mark.timeout(600)
def test_what_is_only_written_never_runs(store: SqlStore, tmp_path: Path, promise: Any) -> None:
    """With a live order in place that covers the plan; the engine found nothing."""
    tally, seeded = promise(1), random.Random(1)
    scene = OrderScene(store, tmp_path / "provider")
    scene.provide()
    order = order_of(scene.plan, scene.book)
    store.transact(lambda tx: store_order(tx, order))
    names = list(WRITTEN)
    for number in range(tally.size(FULL_WRITTEN, least=len(names))):
        name = names[number] if number < len(names) else seeded.choice(names)
        incident = f"inc-{number}"
        plan = plan_of([undo("shop")], incident=incident)
        declare(store, incident=incident, number=number + 1)
        ranking = caused(conclusion=Conclusion.NOT_CONFIDENT, confidence=0.4, solid=0.4)

        def write(tx: Any, plan: Plan = plan, name: str = name, ranking: NewEvent = ranking) -> None:
            tx.append(plan.incident, [ranking, offered(plan)], at_ms=START_MS)
            tx.add_plan(plan)
            WRITTEN[name](tx, plan, order.hash)

        store.transact(write)
        before = len(scene.calls())
        fire_orders(scene.means())
        execute(plan.hash, scene.means())
        tally.check(len(scene.calls()) == before, f"{name}: it ran")
        store.transact(lambda tx, incident=incident: tx.set_state(incident, IncidentState.RESOLVED))


# --- hostile words with live orders in place, in memory ----------------------------------------------------------


@dataclass(frozen=True)
class Moment:
    """An incident in which no order may fire, whatever is said about it; or, where `due`, one in which it must."""

    name: str
    incident: Incident
    due: bool = False


def moments(plan: Plan) -> list[Moment]:
    """Incidents by what the engine says of them; each is the fold of a real log."""
    rankings = {
        "not confident": caused(conclusion=Conclusion.NOT_CONFIDENT),
        "expected load": caused(conclusion=Conclusion.EXPECTED_LOAD),
        "no incident": caused(conclusion=Conclusion.NO_INCIDENT),
        "just below the bound": caused(confidence=0.899, solid=0.95),
        "public evidence alone": caused(confidence=0.97, solid=0.899),
        "no trusted evidence": caused(confidence=0.97, solid=0.0),
        "another service": caused("ledger", confidence=0.97, solid=0.97),
        "another cause": caused(cause=CauseClass.NETWORK, confidence=0.97, solid=0.97),
    }
    made = [Moment(name, folded(plan, [ranking, offered(plan)])) for name, ranking in rankings.items()]
    started = NewEvent(EventType.INVESTIGATION_STARTED, {"reason": "again"})
    made.append(Moment("investigated again", folded(plan, [caused(), offered(plan), started])))
    made.append(Moment("no ranking", folded(plan, [offered(plan)])))
    made.append(Moment("nothing offered", folded(plan, [caused()])))
    made.append(Moment("due", folded(plan, [caused(), offered(plan)]), due=True))
    return made


def folded(plan: Plan, events: list[NewEvent]) -> Incident:
    opened = {
        "number": 1, "title": "Errors", "severity": 2, "reason": "test", "key": "k", "own_channel": False,
        "observe_only": False,
    }  # fmt: skip
    incident: Incident | None = None
    for seq, event in enumerate([NewEvent(EventType.INCIDENT_DECLARED, opened), *events], start=1):
        incident = apply(incident, sealed(plan.incident, seq, event))
    assert incident is not None
    return incident


def sealed(chain: str, seq: int, event: NewEvent) -> Any:
    return seal(b"a" * 32, bytes(32), tenant="main", chain=chain, seq=seq, at_ms=START_MS, new=event)


def believed(output: Output, diagnosis: Diagnosis) -> Iterator[Explanation]:
    """What the product makes of an answer; and the answer as it stands, as if no check had read it."""
    status, sentences = read_answer(output.text)
    kept, dropped = checked(sentences, diagnosis)
    yield Explanation("model", status, kept, dropped, "0" * 64)
    words = (Sentence(output.words, ("E1",)), *sentences)
    yield Explanation("model", "cause_found", words, 0, output.mark)


@pytest.mark.timeout(600)
def test_words_fire_no_order(promise: Any) -> None:
    tally, seeded = promise(1), random.Random(101)
    plan = plan_of([undo("shop")])
    book = auto_playbook(plan)
    orders = [
        live(order_of(plan, book)),
        live(order_of(plan, book, id="SO-2", services=("cart", "shop"), nonce="m")),
        live(order_of(plan, book, id="SO-3", confidence_milli=960, nonce="o")),
    ]
    scenes, around = moments(plan), Around(START)
    before = {
        one.name: [judged(order, plan, book, one.incident, around) for order in orders] for one in scenes
    }
    for moment in scenes:
        fires = [held is None for held in before[moment.name]]
        assert fires == ([True, True, False] if moment.due else [False] * 3), moment.name
    for output in outputs(tally.size(FULL_WORDS, least=300), seeded):
        moment, at = seeded.choice(scenes), seeded.randrange(len(orders))
        diagnosis = moment.incident.diagnosis or Diagnosis(Conclusion.NOT_CONFIDENT, (), ())
        said = seeded.choice(list(believed(output, diagnosis)))
        event = sealed(
            plan.incident, moment.incident.seq + 1, NewEvent(EventType.EXPLAINED, explanation_body(said))
        )
        after = judged(orders[at], plan, book, apply(moment.incident, event), around)
        tally.check(
            after == before[moment.name][at], f"{moment.name}: {output.text[:80]!r} changed it to {after}"
        )


def live(order: Any) -> Stored:
    signatures = [
        sign_order(
            order_hash=order.hash, signer=who, team="T1", channel="C1", message_ts="1.1", signed_ms=START_MS, nonce="n",
            key=KEY,
        )
        for who in ("U0A", "U0B")
    ]  # fmt: skip
    return Stored(OrderRow(order, order.content, order.hash, OrderState.LIVE, 3), signatures, KEY, "main")


def judged(order: Stored, plan: Plan, book: Any, incident: Incident, around: Around) -> Held | None:
    return order_rules.held_back(order, plan, book, incident, around)


# --- whole investigations on the real store, with the executor's loop ---------------------------------------------


class Hijacked:
    """A model that says what it is told to; its sentences go through the product's own checks, or past them."""

    name = "hijacked"

    def __init__(self, output: Output, *, unchecked: bool) -> None:
        self._output, self._unchecked = output, unchecked

    def explain(self, _incident: Incident, diagnosis: Diagnosis) -> Explanation:
        checked_one, raw = believed(self._output, diagnosis)
        return raw if self._unchecked else checked_one


@pytest.mark.timeout(600)
def test_whole_investigations_with_hijacked_models_fire_nothing(
    store: SqlStore, tmp_path: Path, promise: Any
) -> None:
    """The engine's figure is just below what the order asks for; the words are all that could make it more."""
    tally, seeded = promise(1), random.Random(102)
    scene = OrderScene(store, tmp_path / "provider", plan=plan_of([undo("cart")], now=NOW))
    scene.clock.at = NOW
    scene.provide()
    told = bad_deploy()
    first = diagnose(told).hypotheses[0]
    reached = round(min(first.confidence, first.solid) * 1000)
    covers = order_of(scene.plan, scene.book, confidence_milli=reached + 1, created_ms=round(NOW * 1000))
    covers = replace(covers, expires_ms=covers.created_ms + 86_400_000)
    elsewhere = replace(covers, id="SO-2", services=("ledger",), confidence_milli=700, nonce="m")
    store.transact(lambda tx: (store_order(tx, covers), store_order(tx, elsewhere)))
    for number, output in enumerate(outputs(tally.size(FULL_PLAYED, least=12), seeded)):
        incident = f"inc-{number}"
        plan = plan_of([undo("cart")], now=NOW, incident=incident)
        play(store, incident, plan, told, Hijacked(output, unchecked=number % 2 == 0))
        loop(scene)
        tally.check(
            not scene.calls() and scene.state(plan.hash) is PlanState.PROPOSED,
            f"fired by {output.text[:80]!r}",
        )
        store.transact(lambda tx, incident=incident: tx.set_state(incident, IncidentState.RESOLVED))
    if tally.breaks:
        return  # In the proof the orders have acted, or are gone.
    lower = replace(covers, id="SO-3", confidence_milli=900, nonce="o")
    store.transact(lambda tx: store_order(tx, lower))
    plan = plan_of([undo("cart")], now=NOW, incident="inc-due")
    play(store, "inc-due", plan, told, Hijacked(output, unchecked=True))
    loop(scene)
    assert scene.calls() == ["undo-cart:do"], (
        "the same incident with an order that the engine satisfies must run"
    )
    with store.engine.connect() as connection:
        count = connection.execute(text("SELECT count(*) FROM grants")).scalar_one()
    assert count == 1


def play(store: SqlStore, incident: str, plan: Plan, told: Any, reasoner: Any) -> None:
    """Declare, investigate with this model, offer this plan."""
    renamed = [alert._replace(fingerprint=f"{incident}-{alert.fingerprint}") for alert in told.alerts]

    def open_it(tx: Any) -> None:
        declare_alerts(
            tx, sorted_out(told.alerts), incident=incident, now=OPENED + len(incident), observe_only=False
        )
        tx.save_alerts([StoredAlert(alert, incident, "first", 1, 1) for alert in renamed])

    store.transact(open_it)
    investigate(
        Task(1, TaskKind.INVESTIGATE, incident, "declared", 1, 1),
        store=store,
        sources=[Told(readings(told))],
        topology=Graph(),
        clock=At(),
        reasoner=reasoner,
        propose=lambda _incident, _diagnosis: Proposed((("A", plan),), ()),
    )


def loop(scene: OrderScene) -> None:
    """One turn of the executor: fire what is due, run what is granted."""
    means = scene.means()
    fire_orders(means)
    for plan_hash in scene.store.read(lambda tx: tx.claimable_plans(now=means.clock.now())):
        execute(plan_hash, means)


assert orders_module.order_rules is order_rules, "the planted fault must be where the executor looks"
