"""The undo of a plan: a plan of its own, built from the inverses that the original declared when it was approved.

Pure, so that the card shows and the executor re-derives the very same content from the original and its journal.
"""

from collections.abc import Sequence
from dataclasses import replace

from bot.domain.actions.table import action_of
from bot.domain.errors import Permanent
from bot.domain.plan import Plan, PlannedStep
from bot.domain.records import StepRow, StepState

UNDO_LIFETIME_MS = 15 * 60 * 1000


def undo_plan(plan: Plan, journal: Sequence[StepRow], *, now_ms: int, nonce: str) -> Plan:
    """Reverse every step that is done and not undone yet, last first; raises Permanent where that is impossible.

    Steps that were declared irreversible, such as ended queries, stay done: what can be put back, is.
    """
    if plan.undoes:
        message = "an undo is not undone again; ask for new options"
        raise Permanent(message)
    standing = [step for step in standing_steps(plan, journal) if step.undo_command]
    if not standing:
        message = "nothing that this plan did is left to undo"
        raise Permanent(message)
    return replace(
        plan,
        option=f"undo-{plan.option}",
        title=f"Undo: {plan.title}",
        steps=tuple(inverse_of(step, landed=True) for step in reversed(standing)),
        checks=(),
        created_ms=now_ms,
        expires_ms=now_ms + UNDO_LIFETIME_MS,
        nonce=nonce,
        on_failure="stop",
        undoes=plan.hash,
    )


def standing_steps(plan: Plan, journal: Sequence[StepRow]) -> list[PlannedStep]:
    """The steps that changed something, succeeded, and were not undone, in plan order."""
    states = {(row.step, row.phase): row.state for row in journal}
    standing = []
    for step in plan.steps:
        done = states.get((step.id, "do")) is StepState.DONE
        undone = states.get((step.id, "undo")) is StepState.DONE
        if done and not undone and not action_of(step.action).nothing_to_undo:
            standing.append(step)
    return standing


def inverse_of(step: PlannedStep, *, landed: bool) -> PlannedStep:
    """The step that restores what was live at planning; raises Permanent where it was declared irreversible.

    `landed` says that the step is known to have taken effect, so that a state other than the one it set is
    somebody else's work, which the undo must not touch.
    """
    if step.undo_params is None or step.undo_command is None:
        message = f"step {step.id} was declared irreversible"
        raise Permanent(message)
    action = action_of(step.action)
    expect = dict(action.sets(step.params)) if landed else {}
    return replace(
        step,
        params=step.undo_params,
        command=step.undo_command,
        expect={"uid": step.target.uid, **expect},
        undo_params=None,
        undo_command=None,
        stdin=action.manifest(step.target, step.undo_params),
    )
