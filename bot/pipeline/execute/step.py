"""One step in one phase: read, intent, read again, dry run, call, read back, outcome; or its recovery.

The journal row decides: a step that is intended and not settled was interrupted, and only reading the live object
back says whether its call landed. What cannot be told is parked for a human, never guessed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from bot.domain.actions.table import action_of
from bot.domain.caps import too_large
from bot.domain.errors import Conflict, Permanent, Refused, Retryable, Undecided, WatchkeeperError
from bot.domain.plan import ActionClass, PlannedStep
from bot.domain.price import COST
from bot.domain.records import StepRow, StepState
from bot.pipeline.execute.journal import NOT_APPLIED, Run, token_of
from bot.pipeline.execute.patience import Patience
from bot.pipeline.execute.recheck import recheck

# Of one step whose answers are lost, each after a lease in which nothing happened. What two people must approve is called
# once: somebody looks before it is called again.
_MOST_CALLS = 3
_READ_BACK = "the answer was lost; read back as done"


class Verdict(StrEnum):
    """How one step ended."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    PARKED = "parked"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """A verdict, its reason in one sentence, and for refusals the rule."""

    verdict: Verdict
    text: str = ""
    rule: str = ""


def perform(run: Run, step: PlannedStep, phase: str) -> StepOutcome:
    """Bring one step to its end, wherever an earlier process left it."""
    row = run.step_row(step.id, phase)
    attempt = _Attempt(run, step, phase)
    if row is None:
        return attempt.begin()
    if row.state is StepState.INTENDED:
        return attempt.recover(row)
    return StepOutcome(Verdict(row.state.value), row.detail)


class _Held(Exception):
    """A stop came before the call."""


class _Attempt:
    """The state of one step while this process works on it."""

    def __init__(self, run: Run, step: PlannedStep, phase: str) -> None:
        self._run = run
        self._step = step
        self._phase = phase
        self._token = token_of(run.hash, step.id, phase)
        self._executor = run.executor_of(step)
        self._patience = Patience(run, step.id, phase, self._still)
        # What was done is read back whatever was forbidden since.
        self._reading_back = Patience(run, step.id, phase)
        self._sent = False

    def begin(self) -> StepOutcome:
        try:
            live = self._patience.ask(self._read)
            self._unchanged(live, self._step.expect)
            self._within_radius(live)
            self._not_refused(live)
            self._within_share(live)
        except Refused as error:
            return StepOutcome(Verdict.REFUSED, str(error), error.rule)
        except _Held as error:
            return StepOutcome(Verdict.STOPPED, f"stopped before step {self._step.id} ({error})")
        except WatchkeeperError as error:
            return StepOutcome(Verdict.REFUSED, str(error), "unreadable")
        before = {field: live[field] for field in ("uid", *action_of(self._step.action).expect)}
        forbidden = self._run.intend(self._step, self._phase, before)
        if forbidden is not None:
            return StepOutcome(Verdict.STOPPED, f"stopped before step {self._step.id} ({forbidden})")
        return self._go(before)

    def recover(self, row: StepRow) -> StepOutcome:
        """An earlier process died between intent and outcome; its calls are over, since its lease ran out."""
        self._sent = True  # Perhaps.
        try:
            if self._reading_back.ask(self._settled):
                return self._end(StepState.DONE, "found done when read back after a restart")
            live = self._reading_back.ask(self._read)
        except WatchkeeperError as error:
            return self._end(StepState.PARKED, f"interrupted, and reading back failed: {error}")
        untouched = all(live.get(field) == value for field, value in row.before.items())
        if untouched:
            forbidden = self._run.forbidden(self._step)
            if forbidden is not None:
                return self._stopped(f"stopped after a restart ({forbidden})", forbidden)
            return self._go(row.before)
        if self._wait_until_settled():
            return self._end(StepState.DONE, "found done when read back after a restart")
        return self._end(StepState.PARKED, "interrupted, and the target is neither untouched nor done")

    def _go(self, before: Mapping[str, str]) -> StepOutcome:
        """Everything after the intent is committed."""
        try:
            said = self._patience.ask(partial(self._apply, before))
        except Undecided as error:
            return self._lost(error, before)
        except _Held as error:
            return self._stopped(f"stopped before the call ({error})", str(error))
        except (Refused, Permanent, Conflict, Retryable) as error:
            return self._end(StepState.FAILED, f"{NOT_APPLIED}{error}")
        return self._called(said)

    def _called(self, said: str) -> StepOutcome:
        if self._wait_until_settled():
            return self._end(StepState.DONE, said)
        waited = round(self._run.means.step_deadline_s)
        return self._end(StepState.FAILED, f"{said}, but it was not complete within {waited} s")

    def _lost(self, error: Undecided, before: Mapping[str, str]) -> StepOutcome:
        """No answer came. What is untouched after a lease was not reached, as after a crash, and is called again."""
        once = self._run.row.plan.klass is ActionClass.DESTRUCTIVE
        for number in range(1, 1 if once else _MOST_CALLS):
            if self._wait_until_settled(self._run.means.lease_s):
                return self._end(StepState.DONE, _READ_BACK)
            if not self._untouched(before):
                break
            self._patience.note(number, error)
            try:
                return self._called(self._patience.ask(partial(self._apply, before)))
            except _Held as held:
                return self._stopped(f"stopped before the call ({held})", str(held))
            except Undecided as again:
                error = again
            except WatchkeeperError as refusal:
                error = Undecided(f"{error}; and called again: {refusal}")
                break
        if self._wait_until_settled():
            return self._end(StepState.DONE, _READ_BACK)
        return self._end(StepState.PARKED, f"the outcome is unknown: {error}")

    def _untouched(self, before: Mapping[str, str]) -> bool:
        try:
            live = self._reading_back.ask(self._read)
        except WatchkeeperError:
            return False
        return all(live.get(field) == value for field, value in before.items())

    def _end(self, state: StepState, detail: str) -> StepOutcome:
        self._run.settle(self._step, self._phase, state, detail)
        return StepOutcome(Verdict(state.value), detail)

    def _stopped(self, detail: str, forbidden: str) -> StepOutcome:
        self._end(StepState.FAILED, f"{NOT_APPLIED}{detail}")
        return StepOutcome(Verdict.STOPPED, f"stopped before step {self._step.id} ({forbidden})")

    def _read(self) -> Mapping[str, str]:
        return self._executor.read(self._step.target)

    def _apply(self, before: Mapping[str, str]) -> str:
        """One try: a provider that is busy can hold a call back for long, so that each reads and asks all of it anew."""
        try:
            self._unchanged(self._read(), before)
        except Refused as error:
            if not self._sent:
                raise
            # By somebody else, or by a call of ours that did a part of it.
            raise Undecided(str(error)) from error
        self._run.renew()  # Each question to a provider may take most of a lease.
        self._executor.dry_run(self._step)
        self._run.renew()
        self._not_held()
        self._sent = True
        return self._executor.call(self._step, token=self._token)

    def _still(self) -> None:
        """What must hold before another try: all of it while the plan has done nothing, later that nothing forbids it."""
        self._not_held()
        if not self._run.journal():
            recheck(self._run, resumed=False)

    def _not_held(self) -> None:
        forbidden = self._run.forbidden(self._step)
        if forbidden is not None:
            raise _Held(forbidden)

    def _settled(self) -> bool:
        return self._executor.settled(self._step, token=self._token)

    def _unchanged(self, live: Mapping[str, str], expect: Mapping[str, str]) -> None:
        for field, value in {"uid": self._step.target.uid, **expect}.items():
            if live.get(field) != value:
                message = f"{self._step.target.name} changed: {field} is {live.get(field)}, expected {value}"
                raise Refused(message, rule="precondition")

    def _within_radius(self, live: Mapping[str, str]) -> None:
        """What the step touches now must not exceed what was shown when the plan was approved."""
        allowed = self._run.row.plan.blast_radius
        for name, amount in action_of(self._step.action).blast_radius(live, self._step.params).items():
            # What was live before is paid for already, so that money never holds an undo back.
            if amount > allowed.get(name, 0) and not (self._undoing and name == COST):
                message = (
                    f"step {self._step.id} would now touch {amount} {name}, {allowed.get(name, 0)} were shown"
                )
                raise Refused(message, rule="blast_radius")

    def _within_share(self, live: Mapping[str, str]) -> None:
        """What serves now and would not after the step stays under its cap, whatever was live at planning."""
        if self._undoing:
            return
        taken = action_of(self._step.action).takes_away(live, self._step.params)
        why = too_large(taken, self._step.target.name, self._run.means.caps)
        if why:
            message = f"step {self._step.id} now {why}"
            raise Refused(message, rule="cap")

    @property
    def _undoing(self) -> bool:
        return self._phase == "undo" or bool(self._run.row.plan.undoes)

    def _not_refused(self, live: Mapping[str, str]) -> None:
        """The action's own precondition, on what is live now."""
        why = action_of(self._step.action).refuses(live, self._step.params)
        if why:
            message = f"{self._step.target.name}: {why}"
            raise Refused(message, rule="action_refuses")

    def _wait_until_settled(self, within_s: float = 0.0) -> bool:
        deadline = self._run.now() + (within_s or self._run.means.step_deadline_s)
        while True:
            self._run.renew()
            try:
                if self._settled():
                    return True
            except Retryable:
                pass
            except WatchkeeperError:
                return False
            if self._run.now() >= deadline:
                return False
            self._run.means.sleep(self._run.means.poll_s)
