"""Standing orders on the real store and the scripted provider: what fires, what holds, what a failure ends."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from bot.adapters.executors.scripted import Fault, Trouble
from bot.adapters.store.sql import SqlStore
from bot.domain.actions.kubernetes import ROLLOUT_UNDO
from bot.domain.event import EventType, NewEvent
from bot.domain.evidence import CauseClass, Conclusion
from bot.domain.incident import IncidentState
from bot.domain.plan import ActionClass, PlanState
from bot.domain.playbook import Tier
from bot.domain.postmortem import draft
from bot.domain.standing_order import OrderState
from bot.domain.telemetry import PlannedEvent
from bot.pipeline.execute.terms import Outcome
from bot.pipeline.order_desk import expire_orders, revoke, set_tier
from bot.pipeline.orders import Fired
from tests.unit.pipeline.execution_scene import INCIDENT, KEY, START, plan_of, scale, undo
from tests.unit.pipeline.order_scene import (
    DAY_MS,
    START_MS,
    OrderScene,
    caused,
    offered,
    order_of,
    store_order,
)


@pytest.fixture
def scene(store: SqlStore, tmp_path: Path) -> OrderScene:
    return OrderScene(store, tmp_path / "provider")


def test_a_covered_plan_runs_without_a_click(scene: OrderScene) -> None:
    order = scene.ready()
    (firing,) = scene.fire()
    assert (firing.outcome, firing.order, firing.plan_hash) == (Fired.FIRED, "SO-1", scene.plan.hash)
    assert scene.run(scene.plan.hash).outcome is Outcome.DONE
    assert scene.calls() == ["undo-shop:do"]
    (option,) = scene.incident().options
    assert (option.order, option.approved_by, option.state) == ("SO-1", "", PlanState.DONE)
    for chain in (INCIDENT, "tenant"):
        (fired,) = [
            e for e in scene.store.read(lambda tx, c=chain: tx.events(c)) if e.type.value == "order_fired"
        ]
        assert fired.body["order_hash"] == order.hash
        assert fired.body["plan_hash"] == scene.plan.hash
        assert fired.body["confidence_milli"] == 950
    grant = scene.store.read(lambda tx: tx.grant(scene.plan.hash))
    assert grant is not None
    assert (grant.order_hash, grant.approver) == (order.hash, "")
    assert scene.order().state is OrderState.LIVE
    assert scene.fire() == []
    events = scene.store.read(lambda tx: tx.events(INCIDENT))
    number = next(event.seq for event in events if event.type is EventType.ORDER_FIRED)
    assert f"started by standing order SO-1 [#{number}]" in draft(scene.incident(), events)


def test_without_an_order_the_plan_waits(scene: OrderScene) -> None:
    scene.ready()
    scene.store.transact(lambda tx: revoke(tx, "SO-1", by="U0A", why="test", now=START))
    assert scene.fire() == []
    assert scene.state(scene.plan.hash) is PlanState.PROPOSED


def _tier(scope: str, tier: Tier) -> Callable[[OrderScene], None]:
    return lambda scene: scene.store.transact(lambda tx: set_tier(tx, scope, tier, by="U0A", now=START))


def _log(*events: NewEvent) -> Callable[[OrderScene], None]:
    return lambda scene: scene.store.transact(lambda tx: tx.append(INCIDENT, list(events), at_ms=START_MS))


def _switch(scope: str) -> Callable[[OrderScene], None]:
    return lambda scene: scene.store.transact(lambda tx: tx.set_switch(scope, True, by="U0A", at=START))


def _planned(scene: OrderScene) -> None:
    event = PlannedEvent("e", "Sale", START - 60, START + 60, ("shop",), "U0A")
    scene.store.transact(lambda tx: tx.add_planned_event(event))


def _sql(statement: str) -> Callable[[OrderScene], None]:
    def change(scene: OrderScene) -> None:
        with scene.store.engine.begin() as connection:
            connection.execute(text(statement))

    return change


def _book(**more: Any) -> Callable[[OrderScene], None]:
    def change(scene: OrderScene) -> None:
        scene.books = [replace(scene.books[0], **more)]

    return change


def _status(to: IncidentState) -> NewEvent:
    return NewEvent(EventType.STATUS_CHANGED, {"to": to.value, "reason": "x", "by": ""})


HOLDS: dict[str, Callable[[OrderScene], None]] = {
    "frozen everywhere": _switch("tenant"),
    "frozen service": _switch("service:shop"),
    "frozen action": _switch("action:kubectl/rollout-undo"),
    "stopped incident": _switch(f"incident:{INCIDENT}"),
    "planned event": _planned,
    "planned event in the log": _log(NewEvent(EventType.PLANNED_EVENT_MATCHED, {"id": "e", "title": "Sale"})),
    "tier lowered": _tier("service:shop", Tier.SUPERVISED),
    "tier of the playbook lowered": _tier("playbook:fix", Tier.SUPERVISED),
    "tier of everything lowered": _tier("tenant", Tier.OBSERVE),
    "playbook file changed": _book(digest="e" * 64),
    "playbook tier is a ceiling": _book(tier=Tier.SUPERVISED),
    "playbook no longer rolls back": _book(on_failure="stop"),
    "playbook for another cause": _book(causes=(CauseClass.CAPACITY,)),
    "not confident": _log(caused(conclusion=Conclusion.NOT_CONFIDENT)),
    "expected load": _log(caused(conclusion=Conclusion.EXPECTED_LOAD)),
    "less sure than ordered": _log(caused(confidence=0.89, solid=0.89)),
    "sure by public evidence alone": _log(caused(confidence=0.95, solid=0.69)),
    "another service": _log(caused("cart")),
    "another cause": _log(caused(cause=CauseClass.NETWORK)),
    "being investigated again": _log(NewEvent(EventType.INVESTIGATION_STARTED, {"reason": "x"})),
    "mitigating": _log(_status(IncidentState.MITIGATING)),
    "offer replaced": _log(NewEvent(EventType.OPTIONS_PROPOSED, {"options": [], "withheld": []})),
    "a person rejected it in the log": _log(NewEvent(EventType.PLAN_REJECTED, {"plan_hash": "", "by": "U", "why": ""}),
        NewEvent(EventType.OPTIONS_PROPOSED, {"options": [], "withheld": []})),
    "order content changed": _sql("UPDATE standing_orders SET content = CAST(replace(content, 'shop', 'cart') AS BLOB)"),
    "plan content changed": _sql("UPDATE plans SET content = CAST(replace(content, 'Fix it', 'Fix me') AS BLOB)"),
    "a signature gone": _sql("DELETE FROM order_signatures WHERE signer = 'U0B'"),
    "a signature of the drafter": _sql("UPDATE order_signatures SET signer = 'U0DRAFTER' WHERE signer = 'U0B'"),
    "a signer renamed": _sql("UPDATE order_signatures SET signer = 'U0C' WHERE signer = 'U0B'"),
    "a signature by hand": _sql("UPDATE order_signatures SET mac = randomblob(32) WHERE signer = 'U0B'"),
    "a draft set to live by hand": _sql("UPDATE standing_orders SET state = 'live', live_seq = 0"),
    "revoked in the row": _sql("UPDATE standing_orders SET state = 'revoked'"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOLDS)
def test_one_thing_out_of_order_holds_it(scene: OrderScene, name: str) -> None:
    scene.ready()
    HOLDS[name](scene)
    assert scene.fire() == []
    assert scene.state_or_none(scene.plan.hash) in (PlanState.PROPOSED, None)
    assert scene.calls() == []


ORDERS: dict[str, dict[str, Any]] = {
    "other service": {"services": ("cart",)},
    "other target": {"targets": ("k8s.deployment:production/cart",)},
    "target of another scope": {"targets": ("k8s.deployment:staging/shop",)},
    "bounds": {"bounds": {"kubectl/rollout-undo.to_revision": (2, 9)}},
    "no bounds": {"bounds": {}},
    "pods": {"blast_radius": {"services": 9, "tasks": 90, "deployments": 9, "pods": 2}},
    "other playbook": {"playbook": "other"},
    "expired": {"expires_ms": START_MS},
    "too long": {"expires_ms": START_MS + 91 * DAY_MS},
    "from the future": {"created_ms": START_MS + DAY_MS, "expires_ms": START_MS + 2 * DAY_MS},
    "other tenant": {"tenant": "other"},
    "below the line": {"confidence_milli": 100},
}


@pytest.mark.parametrize("name", ORDERS)
def test_a_signed_order_that_does_not_cover_it_holds(scene: OrderScene, name: str) -> None:
    scene.ready(order=ORDERS[name])
    assert scene.fire() == []


@pytest.mark.parametrize(
    "signing",
    [{"signers": ("U0A",)}, {"signers": ("U0A", "U0DRAFTER")}, {"signers": ()}, {"key": b"x" * 32}],
    ids=str,
)
def test_an_order_that_two_others_did_not_sign_holds(scene: OrderScene, signing: dict[str, Any]) -> None:
    scene.ready(**signing)
    assert scene.fire() == []


@pytest.mark.parametrize(
    "plan",
    [
        plan_of([undo("shop")], klass=ActionClass.DESTRUCTIVE),
        plan_of([undo("shop")], on_failure="stop"),
        plan_of([undo("shop")], checks=()),
        plan_of([replace(undo("shop"), undo_params=None, undo_command=None)]),
        plan_of([undo("shop")], undoes="f" * 64),
        plan_of([undo("shop"), undo("cart")]),
        plan_of([scale("shop")]),
    ],
    ids=[
        "destructive",
        "no rollback",
        "no check",
        "irreversible",
        "an undo",
        "two targets",
        "another action",
    ],
)
def test_a_plan_of_another_kind_holds(scene: OrderScene, plan: Any) -> None:
    scene.ready()
    scene.store.transact(lambda tx: (tx.add_plan(plan), tx.append(INCIDENT, [offered(plan)], at_ms=START_MS)))
    assert all(firing.plan_hash != plan.hash for firing in scene.fire())
    assert scene.state(plan.hash) is PlanState.PROPOSED


@pytest.mark.parametrize("fault", [Fault.FAIL, Fault.PARTIAL, Fault.HANG])
def test_the_first_failed_step_withdraws_the_order(scene: OrderScene, fault: Fault) -> None:
    scene.ready(troubles=(Trouble(fault, times=3),))
    scene.fire()
    assert scene.run(scene.plan.hash).outcome in (Outcome.FAILED, Outcome.PARKED)
    assert scene.order().state is OrderState.REVOKED
    assert scene.log().count("order_revoked") == 1
    (option,) = scene.incident().options
    assert option.order_withdrawn


def test_failed_checks_withdraw_the_order_and_undo_what_it_did(scene: OrderScene) -> None:
    scene.ready()
    scene.value = lambda: 0.5
    scene.fire()
    assert scene.run(scene.plan.hash).outcome is Outcome.FAILED
    assert scene.calls() == ["undo-shop:do", "undo-shop:undo"]
    assert scene.order().state is OrderState.REVOKED
    log = scene.log(INCIDENT)
    assert log.index("order_revoked") < log.index("execution_finished")


def test_revoked_between_firing_and_start_runs_nothing(scene: OrderScene) -> None:
    scene.ready()
    scene.fire()
    scene.store.transact(lambda tx: revoke(tx, "SO-1", by="U0A", why="no", now=START))
    assert scene.run(scene.plan.hash).outcome is Outcome.REFUSED
    assert scene.calls() == []


@pytest.mark.parametrize(
    "change",
    [
        _sql("UPDATE grants SET order_hash = ''"),
        _sql("UPDATE grants SET order_hash = 'other'"),
        _sql("UPDATE grants SET approver = 'U0A'"),
        _sql("DELETE FROM order_signatures WHERE signer = 'U0A'"),
        _sql("UPDATE standing_orders SET content = CAST(replace(content, 'shop', 'cart') AS BLOB)"),
        _log(caused(confidence=0.5, solid=0.5)),
        _tier("service:shop", Tier.SUPERVISED),
        _planned,
        _book(tier=Tier.SUPERVISED),
    ],
)
def test_what_changed_after_the_firing_is_seen_at_the_start(scene: OrderScene, change: Any) -> None:
    scene.ready()
    assert len(scene.fire()) == 1
    change(scene)
    assert scene.run(scene.plan.hash).outcome is Outcome.REFUSED
    assert scene.calls() == []


def test_the_caps_of_an_hour_and_a_day_hold(scene: OrderScene) -> None:
    order = scene.ready(order={"runs_per_hour": 1, "runs_per_day": 2})
    for at in (START - 100.0, START - 5_000.0):
        scene.store.transact(
            lambda tx, at=at: tx.fire_order(order.hash, f"p{at}", incident=f"i{at}", targets=["u"], at=at)
        )
    assert scene.fire() == []
    scene.clock.at = START + 3_500.0
    scene.plan = replace(
        scene.plan, created_ms=round(scene.clock.at * 1000), expires_ms=round(scene.clock.at * 1000) + 900_000
    )
    scene.store.transact(
        lambda tx: (tx.add_plan(scene.plan), tx.append(INCIDENT, [offered(scene.plan)], at_ms=START_MS))
    )
    assert scene.fire() == []  # The day's two are used up.


def test_no_second_firing_on_the_same_target_of_an_incident(scene: OrderScene) -> None:
    order = scene.ready()
    scene.store.transact(
        lambda tx: tx.fire_order(
            order.hash, "earlier", incident=INCIDENT, targets=["uid-shop"], at=START - 4000
        )
    )
    (firing,) = scene.fire()
    assert (firing.outcome, firing.rule) == (Fired.HELD, "fired_before")
    assert scene.state(scene.plan.hash) is PlanState.PROPOSED
    assert scene.store.read(lambda tx: tx.grant(scene.plan.hash)) is None


def test_a_tier_raised_again_does_not_revive_an_older_order(scene: OrderScene) -> None:
    scene.ready()
    _tier("service:shop", Tier.OBSERVE)(scene)
    _tier("service:shop", Tier.SUPERVISED)(scene)
    assert scene.fire() == []
    newer = order_of(scene.plan, scene.book, id="SO-2", nonce="m")
    scene.store.transact(lambda tx: store_order(tx, newer))
    (firing,) = scene.fire()
    assert (firing.outcome, firing.order) == (Fired.FIRED, "SO-2")


def test_orders_end_by_themselves(scene: OrderScene) -> None:
    scene.ready()
    assert expire_orders(scene.store, START + 29 * 86_400) == 0
    assert expire_orders(scene.store, START + 31 * 86_400) == 1
    assert scene.order().state is OrderState.EXPIRED
    assert scene.log()[-1] == "order_expired"


def test_observe_mode_fires_nothing(scene: OrderScene) -> None:
    scene.ready()
    assert scene.fire(mode="observe") == []


def test_another_key_fires_nothing(scene: OrderScene) -> None:
    scene.ready()
    assert scene.fire(grant_key=b"z" * 32) == []
    assert KEY != b"z" * 32


@pytest.mark.parametrize("scope", ["tenant", "service:shop", "playbook:fix"])
def test_a_tier_of_observe_also_holds_what_a_person_approved(scene: OrderScene, scope: str) -> None:
    scene.ready(signers=())
    plan_hash = scene.stage(plan_of([undo("shop")]))
    _tier(scope, Tier.OBSERVE)(scene)
    assert scene.run(plan_hash).outcome is Outcome.REFUSED
    _tier(scope, Tier.SUPERVISED)(scene)
    assert scene.run(scene.stage(plan_of([undo("shop")]))).outcome is Outcome.DONE


def test_a_stop_file_holds_an_order(scene: OrderScene) -> None:
    scene.ready()
    assert scene.fire(stopped=lambda: "the stop file") == []


@pytest.mark.parametrize(
    "live",
    [
        {"previous_revision": "5"},
        {"previous_template_hash": "another"},
        {"uid": "recreated"},
        {"replicas": "300"},
        {"revision": "3"},
        {"previous_revision": ""},
        {"previous_revision": "many"},
    ],
    ids=str,
)
def test_a_plan_that_the_executor_does_not_derive_itself_holds(
    scene: OrderScene, live: dict[str, str]
) -> None:
    """What the worker wrote into the plan is not believed: the executor binds the file to what it reads."""
    scene.live_now = live
    scene.ready()
    (firing,) = scene.fire()
    assert (firing.outcome, firing.rule) == (Fired.HELD, "not_derived")
    assert scene.state(scene.plan.hash) is PlanState.PROPOSED


def test_a_plan_with_another_revision_than_the_live_one_gives_holds(scene: OrderScene) -> None:
    step = undo("shop")
    params = {"to_revision": 7, "to_template": "chosen"}
    command = ROLLOUT_UNDO.command(step.target, params)
    scene.plan = plan_of([replace(step, params=params, command=command)])
    scene.ready()
    (firing,) = scene.fire()
    assert (firing.outcome, firing.rule) == (Fired.HELD, "not_derived")
