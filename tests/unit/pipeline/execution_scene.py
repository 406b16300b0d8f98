"""A scene for the execute stage: a real store, the scripted provider, an approved plan, and a clock to turn."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bot.adapters.executors.scripted import ScriptedExecutor, Trouble, key_of, save_world
from bot.adapters.store.sql import SqlStore
from bot.domain.actions.ecs import SET_DESIRED_COUNT
from bot.domain.actions.forensics import COLLECT
from bot.domain.actions.kubernetes import ROLLOUT_UNDO
from bot.domain.actions.table import action_of
from bot.domain.caps import Caps
from bot.domain.catalogue import planned_step
from bot.domain.event import EventType, NewEvent
from bot.domain.evidence import CauseClass
from bot.domain.gate import grant_expiry_ms, sign_grant
from bot.domain.incident import Incident, IncidentState, Severity
from bot.domain.plan import ActionClass, Check, Plan, PlannedStep, PlanState, Target
from bot.domain.playbook import Playbook, PlaybookStep, Tier, VerifyCheck
from bot.domain.price import COST
from bot.domain.records import IncidentRow
from bot.pipeline.execute.stage import execute
from bot.pipeline.execute.terms import Means, Result

KEY = b"k" * 32
# Scenes of one store share one hour; the caps have scenes of their own.
WIDE = Caps(10**6, 10**6, 10**6, 10**6, 100, 10**6)
START = 1_800_000_000.0
INCIDENT = "inc-1"


class TurnedClock:
    """A clock that moves only when somebody sleeps or turns it."""

    def __init__(self, at: float = START) -> None:
        self.at = at

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds


@dataclass(frozen=True)
class Shelf:
    """Playbooks in memory."""

    books: Sequence[Playbook]

    def all(self) -> Sequence[Playbook]:
        return self.books


def healthy(_signal: str, _service: str, start: float, end: float) -> list[tuple[float, float]]:
    """A recorded history in which nothing was wrong, a sample every half minute."""
    return [(start + at, 0.0) for at in range(0, round(end - start) + 1, 30)]


def service(name: str) -> Target:
    return Target("ecs.service", name, "production", f"arn:{name}@1", name)


def deployment(name: str) -> Target:
    return Target("k8s.deployment", name, "production", f"uid-{name}", name)


def live_of(target: Target) -> dict[str, str]:
    """How a target looks before anything is done to it."""
    if target.kind == "ecs.service":
        counts = {"desired_count": "10", "running_count": "10"}
        return {"uid": target.uid, "status": "ACTIVE", "task_definition": "td:1", **counts}
    numbers = dict.fromkeys(("replicas", "total", "updated", "ready"), "3")
    generations = {"generation": "2", "observed_generation": "2"}
    return {"uid": target.uid, "revision": "2", "template_hash": "newer", **numbers, **generations}


def scale(name: str, count: int = 4) -> PlannedStep:
    target = service(name)
    return planned_step(SET_DESIRED_COUNT, f"scale-{name}", target, live_of(target), {"count": count})


def undo(name: str) -> PlannedStep:
    target = deployment(name)
    params: dict[str, str | int] = {"to_revision": 1, "to_template": "older"}
    return planned_step(ROLLOUT_UNDO, f"undo-{name}", target, live_of(target), params)


def collect(name: str) -> PlannedStep:
    target = deployment(name)
    return planned_step(COLLECT, f"collect-{name}", target, live_of(target), {"log_lines": 100})


CHECK = Check("error_ratio", "shop", 20, 15)


def plan_of(
    steps: Sequence[PlannedStep], *, now: float = START, checks: Sequence[Check] = (CHECK,), **more: Any
) -> Plan:
    radius: dict[str, int] = {}
    for step in steps:
        action = action_of(step.action)
        for name, amount in action.blast_radius(live_of(step.target), step.params).items():
            radius[name] = radius.get(name, 0) + amount
    radius = {name: amount for name, amount in radius.items() if name != COST or amount > 0}
    looks_only = all(action_of(step.action).read_only for step in steps)
    plan = Plan(
        tenant="main",
        incident=INCIDENT,
        option="A",
        playbook="fix",
        playbook_digest="d" * 64,
        title="Fix it",
        klass=ActionClass.SAFE if looks_only else ActionClass.RISKY,
        steps=tuple(steps),
        checks=tuple(checks),
        blast_radius=radius,
        created_ms=int(now * 1000),
        expires_ms=int(now * 1000) + 900_000,
        nonce=secrets.token_hex(8),
    )
    return replace(plan, **more)


def playbook_for(plan: Plan) -> Playbook:
    """The reviewed file from which such a plan is bound."""
    return Playbook(
        id=plan.playbook,
        version=1,
        name="Fix it",
        digest="d" * 64,
        causes=(CauseClass.DEPLOY,),
        inputs=(),
        tier=Tier.SUPERVISED,
        approvals=1,
        expires_s=900,
        blast_radius={"services": 9, "tasks": 90, "deployments": 9, "pods": 90, COST: 10**6},
        preconditions=(),
        steps=tuple(PlaybookStep(step.id, step.id, step.action, {}) for step in plan.steps),
        verify=tuple(VerifyCheck(check.signal, check.below_milli, check.within_s) for check in plan.checks),
        on_failure=plan.on_failure,
        path="",
    )


def declare(store: SqlStore, *, at: float = START, incident: str = INCIDENT, number: int = 1) -> None:
    """An open incident with its log."""
    body = {
        "number": number, "title": "Errors", "severity": 2, "reason": "test", "key": "k", "own_channel": False,
        "observe_only": False,
    }  # fmt: skip
    row = IncidentRow(
        incident, number, f"k{number}", IncidentState.IDENTIFIED, Severity.SEV2, "Errors", at, at, ("shop",)
    )

    def work(tx: Any) -> None:
        tx.insert_incident(row)
        tx.append(incident, [NewEvent(EventType.INCIDENT_DECLARED, body)], at_ms=int(at * 1000))
        status = {"to": "identified", "reason": "test", "by": ""}
        tx.append(incident, [NewEvent(EventType.STATUS_CHANGED, status)], at_ms=int(at * 1000))

    store.transact(work)


def approve(
    store: SqlStore, plan: Plan, *, at: float = START, key: bytes = KEY, seconded_by: str = ""
) -> str:
    """Store the plan as offered, and a genuine grant for it."""
    granted_ms = int(at * 1000)
    grant = sign_grant(
        plan_hash=plan.hash, approver="U1", team="T1", channel="C1", message_ts="1.1", granted_ms=granted_ms,
        expires_ms=grant_expiry_ms(plan.klass, granted_ms), nonce=secrets.token_hex(8), key=key, seconded_by=seconded_by,
    )  # fmt: skip
    offered = {"letter": plan.option, "plan_hash": plan.hash, "plan": plan.to_json()}
    granted = {"plan_hash": plan.hash, "by": "U1", "at_ms": granted_ms, "plan": plan.to_json()}

    def work(tx: Any) -> None:
        tx.add_plan(plan)
        if not plan.undoes:
            tx.append(
                plan.incident,
                [NewEvent(EventType.OPTIONS_PROPOSED, {"options": [offered], "withheld": []})],
                at_ms=granted_ms,
            )
        tx.add_grant(grant)
        tx.move_plan(plan.hash, to=PlanState.GRANTED, frm=(PlanState.PROPOSED,))
        tx.append(plan.incident, [NewEvent(EventType.APPROVAL_GRANTED, granted)], at_ms=granted_ms)

    store.transact(work)
    return plan.hash


@dataclass
class Scene:
    """Everything of one test. `value` is what every check measures."""

    store: SqlStore
    folder: Path
    clock: TurnedClock = field(default_factory=TurnedClock)
    value: Callable[[], float | None] = lambda: 0.001
    executor: ScriptedExecutor | None = None
    books: list[Playbook] = field(default_factory=list)

    def stage(
        self,
        plan: Plan,
        troubles: tuple[Trouble, ...] = (),
        *,
        world: Mapping[str, Any] | None = None,
        seconded_by: str = "",
    ) -> str:
        """Set the provider's scene, approve the plan, return its hash."""
        targets = {key_of(step.target): live_of(step.target) for step in plan.steps}
        save_world(self.folder, {**targets, **(world or {})}, troubles)
        self.executor = ScriptedExecutor(self.folder, troubles)
        if not plan.undoes:
            self.books = [playbook_for(plan)]
        return approve(self.store, plan, at=self.clock.at, seconded_by=seconded_by)

    @property
    def provider(self) -> ScriptedExecutor:
        assert self.executor is not None
        return self.executor

    def means(self, **more: Any) -> Means:
        given: dict[str, Any] = {
            "store": self.store,
            "executors": dict.fromkeys(("kubectl", "aws", "forensics"), self.executor),
            "playbooks": Shelf(self.books),
            "measure": lambda _signal, _service, _now: self.value(),
            "clock": self.clock,
            "sleep": self.clock.sleep,
            "grant_key": KEY,
            "mode": "supervised",
            "holder": "me",
            "caps": WIDE,
            "history": healthy,
            **more,
        }
        return Means(**given)

    def run(self, plan_hash: str, **more: Any) -> Result:
        return execute(plan_hash, self.means(**more))

    def incident(self) -> Incident:
        found = self.store.read(lambda tx: tx.incident(INCIDENT))
        assert found is not None
        return found

    def events(self) -> list[str]:
        """What the log says about execution, in order."""
        skip = {"incident_declared", "options_proposed", "approval_granted", "status_changed"}
        log = self.store.read(lambda tx: tx.events(INCIDENT))
        return [event.type.value for event in log if event.type.value not in skip]

    def state(self, plan_hash: str) -> PlanState:
        row = self.store.read(lambda tx: tx.plan(plan_hash))
        assert row is not None
        return row.state

    def calls(self, plan_hash: str = "") -> list[str]:
        """The effects at the provider, of one plan or of all: step ids with phase, oldest first."""
        tokens = [call["token"].split(":") for call in self.provider.calls()]
        return [":".join(rest) for plan, *rest in tokens if plan_hash.startswith(plan) or not plan_hash]

    def live(self, target: Target) -> Mapping[str, str]:
        return self.provider.read(target)
