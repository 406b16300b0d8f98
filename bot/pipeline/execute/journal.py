"""One claimed plan and everything that is written about it: rows and their events, always in one transaction."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from bot.domain.actions.table import action_of
from bot.domain.errors import Retryable
from bot.domain.event import EventType, NewEvent
from bot.domain.incident import IncidentState
from bot.domain.plan import PlannedStep, PlanState
from bot.domain.records import MessageKind, PlanRow, StepRow, StepState
from bot.pipeline.execute.attribution import Attributed, approved_by
from bot.pipeline.execute.terms import Means, TakenOver, Unrecorded
from bot.pipeline.forbid import forbidden, looks_only
from bot.pipeline.orders import withdraw
from bot.ports import Executor, Transaction

T = TypeVar("T")

# A database that is restarted or busy for a moment costs no plan; with its waits this is well within a lease.
_TRIES, _AGAIN_S = 3, 1.0
NOT_APPLIED = "nothing changed: "
_EVENT_OF = {
    StepState.DONE: EventType.STEP_DONE,
    StepState.FAILED: EventType.STEP_FAILED,
    StepState.PARKED: EventType.STEP_PARKED,
}


@dataclass(frozen=True, slots=True)
class Run:
    """A claimed plan. `epoch` fences every write: once another executor claims the plan, each one fails."""

    means: Means
    row: PlanRow
    epoch: int

    @property
    def hash(self) -> str:
        """The plan's hash."""
        return self.row.hash

    def now(self) -> float:
        """Unix seconds by the injected clock."""
        return self.means.clock.now()

    def renew(self) -> None:
        """Hold the lease for another term; raises TakenOver when it is gone, Unrecorded when nobody can say."""
        for _ in range(_TRIES - 1):
            try:
                self._write(self._hold)
            except Unrecorded:
                self.means.sleep(_AGAIN_S)
            else:
                return
        self._write(self._hold)

    def _hold(self, tx: Transaction) -> bool:
        """Take the plan's row and a new term of its lease; False when it is no longer ours."""
        now = shared_now(tx, self.means)
        return tx.renew_plan(self.hash, epoch=self.epoch, now=now, lease_s=self.means.lease_s)

    def executor_of(self, step: PlannedStep) -> Executor:
        """Who carries the step out, in the name of those who approved the plan where the provider records one."""
        executor = self.means.executors[action_of(step.action).executor]
        if not isinstance(executor, Attributed):
            return executor
        return executor.for_approver(self._read(lambda tx: approved_by(tx, self.hash)))

    def step_row(self, step: str, phase: str) -> StepRow | None:
        """The journal row of one step in one phase."""
        return next((row for row in self.journal() if (row.step, row.phase) == (step, phase)), None)

    def journal(self) -> Sequence[StepRow]:
        """Every journal row of the plan."""
        return self._read(lambda tx: tx.steps(self.hash))

    def intend(self, step: PlannedStep, phase: str, before: Mapping[str, str]) -> str | None:
        """Claim a step; returns in words what forbids it, or None when the intent is committed."""
        now = self.now()
        row = StepRow(
            self.hash, step.id, phase, StepState.INTENDED, token_of(self.hash, step.id, phase), before, "",
            int(now * 1000),
        )  # fmt: skip

        def work(tx: Transaction) -> str | bool:
            # Holding the plan's row first puts this intent wholly before or wholly after a stop that is being set.
            if not self._hold(tx):
                return False
            held = self.held(tx, step)
            if held is not None:
                return held
            if not tx.intend_step(row, epoch=self.epoch):
                return False
            self._tell(tx, EventType.STEP_INTENDED, now, step=step.id, phase=phase, detail="")
            return True

        answer = self._write(work)
        return answer if isinstance(answer, str) else None

    def forbidden(self, step: PlannedStep) -> str | None:
        """In words what forbids this step now, or None."""
        return self._read(lambda tx: self.held(tx, step))

    def held(self, tx: Transaction, step: PlannedStep) -> str | None:
        """The same inside the caller's transaction: the stop file, a switch, a freeze window by the database's time."""
        now = shared_now(tx, self.means)
        return self.means.stopped() or forbidden(tx, self.scopes(step), now=now, looks_only=looks_only(step))

    def settle(self, step: PlannedStep, phase: str, state: StepState, detail: str) -> None:
        """Close an intended step with its outcome."""
        now = self.now()
        token = token_of(self.hash, step.id, phase)
        row = StepRow(self.hash, step.id, phase, state, token, {}, detail[:300], int(now * 1000))

        def work(tx: Transaction) -> bool:
            if not tx.settle_step(row, epoch=self.epoch):
                return False
            self._tell(tx, _EVENT_OF[state], now, step=step.id, phase=phase, detail=detail[:300])
            if state is not StepState.DONE:
                withdraw(tx, self.row, f"step {step.id} {state.value}", now)
            return True

        self._write(work)

    def note(self, event: EventType, **body: Any) -> None:
        """Write an event that has no row of its own, while the plan is still ours."""
        now = self.now()

        def work(tx: Transaction) -> bool:
            if not self._hold(tx):
                return False
            self._tell(tx, event, now, **body)
            if event is EventType.VERIFIED and not body["verified"]:
                withdraw(tx, self.row, "its checks did not pass", now)
            return True

        self._write(work)

    def move_incident(self, to: IncidentState, frm: Sequence[IncidentState], reason: str) -> None:
        """Set the incident's state where it is one of `frm`; another state is somebody else's and stays."""
        now = self.now()

        def work(tx: Transaction) -> bool:
            if not self._hold(tx):
                return False
            self._move_incident(tx, to, frm, reason, now)
            return True

        self._write(work)

    def finish(
        self,
        to: PlanState,
        text: str,
        *,
        rule: str = "",
        incident_to: IncidentState | None = None,
    ) -> None:
        """End the plan; `rule` says that it was refused before anything happened."""
        now = self.now()

        def work(tx: Transaction) -> bool:
            if not tx.finish_plan(self.hash, to=to, epoch=self.epoch):
                return False
            if rule:
                self._tell(tx, EventType.EXECUTION_REFUSED, now, rule=rule, text=text)
            else:
                self._tell(tx, EventType.EXECUTION_FINISHED, now, state=to.value, text=text)
            if to in (PlanState.FAILED, PlanState.PARKED):
                withdraw(tx, self.row, f"its run ended {to.value}", now)
            if incident_to is not None:
                self._move_incident(tx, incident_to, (IncidentState.MITIGATING,), text, now)
            return True

        self._write(work)

    def scopes(self, step: PlannedStep) -> list[str]:
        """Every switch that can forbid this step."""
        return [
            "tenant",
            f"incident:{self.row.plan.incident}",
            f"service:{step.target.service}",
            f"action:{step.action}",
        ]

    def _write(self, work: Callable[[Transaction], T]) -> T:
        try:
            answer = self.means.store.transact(work)
        except Retryable as error:
            raise Unrecorded(str(error)) from error
        if answer is False:
            message = f"plan {self.hash[:8]} was taken over by another executor"
            raise TakenOver(message)
        return answer

    def _read(self, work: Callable[[Transaction], T]) -> T:
        try:
            return self.means.store.read(work)
        except Retryable as error:
            raise Unrecorded(str(error)) from error

    def _tell(self, tx: Transaction, event: EventType, now: float, **body: Any) -> None:
        tell(tx, self.row, event, now, **body)

    def _move_incident(
        self,
        tx: Transaction,
        to: IncidentState,
        frm: Sequence[IncidentState],
        reason: str,
        now: float,
    ) -> None:
        incident = self.row.plan.incident
        found = tx.incident_row(incident)
        if found is None or found.state not in frm:
            return
        tx.set_state(incident, to)
        event = NewEvent(EventType.STATUS_CHANGED, {"to": to.value, "reason": reason, "by": ""})
        tx.append(incident, [event], at_ms=int(now * 1000))


def tell(tx: Transaction, row: PlanRow, event: EventType, now: float, **body: Any) -> None:
    """Append one event about a plan to its incident's log and ask for the messages that show it."""
    incident = row.plan.incident
    tx.append(incident, [NewEvent(event, {"plan_hash": row.hash, **body})], at_ms=int(now * 1000))
    for kind in (MessageKind.CARD, MessageKind.PROPOSAL):
        tx.want_message(incident, kind, now=now)


def shared_now(tx: Transaction, means: Means) -> float:
    """The time by which leases and windows run: the database's where it has one, since all executors share it."""
    now = means.clock.now()
    known = tx.database_now(now=now)
    return now if known is None else known


def token_of(plan_hash: str, step: str, phase: str) -> str:
    """The idempotency token of one step in one phase."""
    return f"{plan_hash}:{step}:{phase}"
