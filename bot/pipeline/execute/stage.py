"""Execute one approved plan: claim, re-check, steps in order, verify; on failure the declared inverses in reverse.

The order is written once, here. It may be killed at any instant: the next claim reads the journal and goes on.
"""

from collections.abc import Sequence

from bot.domain.actions.table import action_of
from bot.domain.errors import Permanent, Refused, Retryable
from bot.domain.event import TENANT_CHAIN, EventType, NewEvent
from bot.domain.incident import IncidentState
from bot.domain.plan import PlannedStep, PlanState
from bot.domain.records import StepRow, StepState
from bot.domain.undo import inverse_of
from bot.pipeline.execute.admission import admit
from bot.pipeline.execute.journal import NOT_APPLIED, Run, shared_now, tell
from bot.pipeline.execute.preconditions import ask_again
from bot.pipeline.execute.recheck import playbook_of, recheck
from bot.pipeline.execute.step import StepOutcome, Verdict, perform
from bot.pipeline.execute.terms import Means, Outcome, Result, TakenOver, Unrecorded
from bot.pipeline.execute.verify import verify
from bot.pipeline.forbid import read_only
from bot.ports import Transaction

_BEFORE_FIX = (IncidentState.INVESTIGATING, IncidentState.IDENTIFIED, IncidentState.MONITORING)


def execute(plan_hash: str, means: Means) -> Result:
    """Bring a granted or orphaned plan to its end; NOT_OURS when another executor has it.

    Raises Retryable while the database is away: the plan then stays as it is, and is claimed again after its lease.
    """
    run = _claim(plan_hash, means)
    if run is None:
        return Result(Outcome.NOT_OURS, "the plan is not to be claimed")
    try:
        return _carry_out(run)
    except TakenOver as error:
        return Result(Outcome.NOT_OURS, str(error))
    except Unrecorded as error:
        raise Retryable(str(error)) from error


def _claim(plan_hash: str, means: Means) -> Run | None:
    def work(tx: Transaction) -> Run | None:
        now = shared_now(tx, means)
        epoch = tx.claim_plan(plan_hash, holder=means.holder, now=now, lease_s=means.lease_s)
        if epoch is None:
            return None
        try:
            row = tx.plan(plan_hash)
        except (KeyError, TypeError, ValueError):
            _set_aside(tx, plan_hash, epoch, now)
            return None
        if row is None:
            return None
        tell(tx, row, EventType.EXECUTION_CLAIMED, now, epoch=epoch)
        return Run(means, row, epoch)

    return means.store.transact(work)


def _set_aside(tx: Transaction, plan_hash: str, epoch: int, now: float) -> None:
    """Park a row that no longer holds a plan, so that it is not claimed again for ever, and tell the tenant's log."""
    tx.finish_plan(plan_hash, to=PlanState.PARKED, epoch=epoch)
    body = {"source": "plans", "kind": "plan", "plan_hash": plan_hash, "why": "the row does not hold a plan"}
    tx.append(TENANT_CHAIN, [NewEvent(EventType.PAYLOAD_QUARANTINED, body)], at_ms=round(now * 1000))


def _carry_out(run: Run) -> Result:
    journal = run.journal()
    try:
        _may_start(run, resumed=bool(journal))
    except Refused as error:
        if journal:
            return _finish(run, PlanState.PARKED, f"Interrupted, and it may not go on: {error}.")
        return _refuse(run, str(error), error.rule)
    if run.epoch > run.means.max_claims:
        return _finish(run, PlanState.PARKED, f"Started {run.epoch - 1} times without coming to an end.")
    if any(row.phase == "undo" for row in journal):
        return _roll_back(run, "The run was interrupted while it was being undone.")
    if not read_only(run.row.plan):
        run.move_incident(IncidentState.MITIGATING, _BEFORE_FIX, f"running {run.row.plan.title}")
    return _forward(run)


def _may_start(run: Run, *, resumed: bool) -> None:
    """Raise Refused with the first rule that says no; the caps are claimed last, when nothing else is in the way."""
    recheck(run, resumed=resumed)
    if resumed:
        return
    if not run.row.plan.undoes:
        ask_again(run, playbook_of(run.means, run.row.plan), lambda: recheck(run, resumed=False))
    admit(run)


def _forward(run: Run) -> Result:
    plan = run.row.plan
    for number, step in enumerate(plan.steps):
        outcome = perform(run, step, "do")
        if outcome.verdict is Verdict.REFUSED and number == 0:
            return _refuse(run, outcome.text, outcome.rule)
        if outcome.verdict is not Verdict.DONE:
            return _broken_off(run, step, outcome)
    why = verify(run) if plan.checks else ""
    if why:
        return _roll_back(run, why)
    text = "All steps are done and every check passed." if plan.checks else "All steps are done."
    after = IncidentState.IDENTIFIED if plan.undoes else IncidentState.MONITORING
    return _finish(run, PlanState.DONE, text, after)


def _broken_off(run: Run, step: PlannedStep, outcome: StepOutcome) -> Result:
    text = f"Step {step.id}: {outcome.text}."
    if outcome.verdict is Verdict.STOPPED:
        return _finish(run, PlanState.STOPPED, text)
    if outcome.verdict is Verdict.PARKED:
        return _finish(run, PlanState.PARKED, text)
    return _roll_back(run, text)


def _roll_back(run: Run, why: str) -> Result:
    """Undo what took effect, last first, each undo journalled like a step."""
    plan = run.row.plan
    journal = run.journal()
    to_undo = [step for step in reversed(plan.steps) if _took_effect(step, journal)]
    if not to_undo:
        return _finish(run, PlanState.FAILED, f"{why} Nothing was left changed.")
    if plan.on_failure != "rollback":
        return _finish(
            run, PlanState.FAILED, f"{why} What was done stands; the playbook asks for no rollback."
        )
    for step in to_undo:
        landed = _state_of(step, journal) is StepState.DONE
        try:
            inverse = inverse_of(step, landed=landed)
        except Permanent as error:
            return _finish(run, PlanState.FAILED, f"{why} Not undone: {error}.")
        outcome = perform(run, inverse, "undo")
        if outcome.verdict is Verdict.STOPPED:
            return _finish(run, PlanState.STOPPED, f"{why} The undo was stopped: {outcome.text}.")
        if outcome.verdict is not Verdict.DONE:
            return _finish(run, PlanState.PARKED, f"{why} Undoing step {step.id} failed: {outcome.text}.")
    return _finish(run, PlanState.FAILED, f"{why} Everything that was done is undone.")


def _took_effect(step: PlannedStep, journal: Sequence[StepRow]) -> bool:
    """Whether the step changed something or may have; an undo that is done stays in, being a no-op then."""
    if action_of(step.action).read_only:
        return False
    row = next((row for row in journal if (row.step, row.phase) == (step.id, "do")), None)
    return row is not None and not row.detail.startswith(NOT_APPLIED)


def _state_of(step: PlannedStep, journal: Sequence[StepRow]) -> StepState | None:
    return next((row.state for row in journal if (row.step, row.phase) == (step.id, "do")), None)


def _refuse(run: Run, text: str, rule: str) -> Result:
    run.finish(PlanState.REFUSED, text, rule=rule, incident_to=_after(run, IncidentState.IDENTIFIED))
    return Result(Outcome.REFUSED, text)


def _finish(run: Run, to: PlanState, text: str, then: IncidentState = IncidentState.IDENTIFIED) -> Result:
    run.finish(to, text, incident_to=_after(run, then))
    return Result(Outcome(to.value), text)


def _after(run: Run, then: IncidentState) -> IncidentState | None:
    """A plan that only reads leaves the incident in the state in which it found it."""
    return None if read_only(run.row.plan) else then
