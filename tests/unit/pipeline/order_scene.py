"""A scene for standing orders: an execution scene whose incident has a cause, an offered plan and a signed order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bot.adapters.executors.scripted import ScriptedExecutor, Trouble, key_of, save_world
from bot.domain.event import EventType, NewEvent
from bot.domain.evidence import CauseClass, Conclusion, Diagnosis, Hypothesis
from bot.domain.evidence_json import ranking_body
from bot.domain.order_rules import allowed_bounds
from bot.domain.plan import Plan, PlanState
from bot.domain.playbook import Input, Playbook, PlaybookStep, Tier
from bot.domain.standing_order import OrderRow, OrderState, StandingOrder, sign_order
from bot.pipeline.orders import Firing, fire_orders
from tests.unit.pipeline.execution_scene import (
    INCIDENT,
    KEY,
    START,
    Scene,
    declare,
    live_of,
    plan_of,
    playbook_for,
    undo,
)

DAY_MS = 86_400_000
START_MS = round(START * 1000)


def auto_playbook(plan: Plan) -> Playbook:
    """The reviewed file behind the plan, which may be ordered: bounds stand in its inputs."""
    book = playbook_for(plan)
    inputs = (
        Input("target", "k8s.deployment", "incident.suspect"),
        Input("revision", "integer", "target.previous_revision", 1, 1000),
        Input("template", "name", "target.previous_template_hash"),
    )
    arguments = {"to_revision": "inputs.revision", "to_template": "inputs.template"}
    steps = tuple(PlaybookStep(step.id, step.id, step.action, arguments) for step in plan.steps)
    return replace(book, tier=Tier.AUTO, inputs=inputs, steps=steps)


def order_of(plan: Plan, book: Playbook, **more: Any) -> StandingOrder:
    """An order that covers the plan as closely as it can."""
    order = StandingOrder(
        id="SO-1", tenant="main", drafter="U0DRAFTER", playbook=plan.playbook, playbook_digest=book.digest,
        services=tuple(sorted({step.target.service for step in plan.steps})), targets=(),
        bounds=allowed_bounds(book), blast_radius=dict(book.blast_radius), runs_per_hour=2, runs_per_day=3,
        confidence_milli=900, created_ms=START_MS, expires_ms=START_MS + 30 * DAY_MS, nonce="n",
    )  # fmt: skip
    return replace(order, **more)


def store_order(
    tx: Any, order: StandingOrder, *, signers: Sequence[str] = ("U0A", "U0B"), key: bytes = KEY
) -> None:
    """Draft, sign and put in force, as web does it."""
    tx.add_order(order)
    for who in signers:
        tx.add_signature(
            sign_order(
                order_hash=order.hash, signer=who, team="T1", channel="C1", message_ts="1.1",
                signed_ms=order.created_ms, nonce=f"n-{who}", key=key,
            )
        )  # fmt: skip
    body = {"order": order.id, "order_hash": order.hash, "by": "U0B", "at_ms": START_MS, "live": True}
    (event,) = tx.append("tenant", [NewEvent(EventType.ORDER_SIGNED, body)], at_ms=START_MS)
    tx.move_order(order.hash, to=OrderState.LIVE, live_seq=event.seq)


def caused(
    service: str = "shop",
    *,
    conclusion: Conclusion = Conclusion.CAUSE_FOUND,
    cause: CauseClass = CauseClass.DEPLOY,
    confidence: float = 0.95,
    solid: float = 0.95,
) -> NewEvent:
    """What the engine's ranking writes into the log."""
    top = Hypothesis(service, cause, confidence, ("because",), ("E1",), (), solid)
    return NewEvent(
        EventType.HYPOTHESES_RANKED, ranking_body(Diagnosis(conclusion, (top,), (), engine="test"))
    )


def offered(plan: Plan) -> NewEvent:
    option = {"letter": plan.option, "plan_hash": plan.hash, "plan": plan.to_json()}
    return NewEvent(EventType.OPTIONS_PROPOSED, {"options": [option], "withheld": []})


@dataclass
class OrderScene(Scene):
    """Everything is in order for `order` to fire; each test changes one thing. `plan` is offered, not approved."""

    plan: Plan = field(default_factory=lambda: plan_of([undo("shop")]))
    live_now: dict[str, str] = field(default_factory=dict)

    @property
    def book(self) -> Playbook:
        return auto_playbook(self.plan)

    def ready(
        self,
        *,
        ranking: NewEvent | None = None,
        order: Mapping[str, Any] | None = None,
        troubles: tuple[Trouble, ...] = (),
        **signing: Any,
    ) -> StandingOrder:
        """Declare, rank, offer, order; `order` changes fields of the order."""
        self.provide(troubles)
        made = order_of(self.plan, self.book, **(order or {}))

        def work(tx: Any) -> None:
            tx.append(INCIDENT, [ranking or caused(), offered(self.plan)], at_ms=START_MS)
            tx.add_plan(self.plan)
            store_order(tx, made, **signing)

        declare(self.store)
        self.store.transact(work)
        return made

    def provide(self, troubles: tuple[Trouble, ...] = ()) -> None:
        older = {"previous_revision": "1", "previous_template_hash": "older"} | {
            "previous_ran_s": "3600",
            "previous_until": str(round(START) - 60),
        }
        world = {key_of(s.target): {**live_of(s.target), **older, **self.live_now} for s in self.plan.steps}
        save_world(self.folder, world, troubles)
        self.executor = ScriptedExecutor(self.folder, troubles)
        self.books = [self.book]

    def state_or_none(self, plan_hash: str) -> PlanState | None:
        """The plan's state, None where its row no longer holds a plan."""
        try:
            return self.state(plan_hash)
        except ValueError:
            return None

    def fire(self, **more: Any) -> list[Firing]:
        return fire_orders(self.means(**more))

    def order(self, name: str = "SO-1") -> OrderRow:
        row = self.store.read(lambda tx: tx.order(name))
        assert row is not None
        return row

    def log(self, chain: str = "tenant") -> list[str]:
        return [event.type.value for event in self.store.read(lambda tx: tx.events(chain))]


def order_scene(store: Any, folder: Path) -> OrderScene:
    return OrderScene(store, folder / "provider")
