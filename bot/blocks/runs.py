"""A running or finished plan as tasks: each step, its verification and what was undone, in the order of the run."""

from typing import Any

from bot.blocks import options
from bot.blocks.shape import Block, task
from bot.domain.incident import OptionView, StepView
from bot.domain.plan import PlanState

_STATUS = {"intended": "in_progress", "done": "complete", "failed": "error", "parked": "error"}
_OVER = (PlanState.FAILED, PlanState.STOPPED, PlanState.PARKED, PlanState.REFUSED)


def run_tasks(option: OptionView) -> list[Block]:
    """Tasks for a plan block."""
    done = {(step.phase, step.id): step for step in option.steps}
    tasks = [_step_task(option, step, done.get(("do", step["id"]))) for step in option.plan["steps"]]
    if option.plan["checks"]:
        tasks.append(_verify_task(option))
    undone = [step for step in option.steps if step.phase == "undo"]
    planned = {step["id"]: step for step in option.plan["steps"]}
    for step in undone:
        words = _undo_words(planned.get(step.id)) or step.id
        tasks.append(task(f"undo-{step.id}", f"Undo: {words}", _STATUS[step.state], details=step.detail))
    return tasks


def _undo_words(planned: dict[str, Any] | None) -> str:
    command = " ".join(planned["undo_command"] or ()) if planned else ""
    return options.step_words(planned) if planned and len(command) > options.SHORT else command


def _step_task(option: OptionView, planned: dict[str, Any], seen: StepView | None) -> Block:
    words = options.step_title(planned)
    step_id = str(planned["id"])
    if seen is not None:
        return task(f"do-{step_id}", words, _STATUS[seen.state], details=seen.detail)
    return task(f"do-{step_id}", words, "pending", details="not started" if option.state in _OVER else "")


def _verify_task(option: OptionView) -> Block:
    title = f"Verify: {options.checks_words(option.plan)}"
    if option.verified is None:
        started = option.steps and all(step.state == "done" for step in option.steps)
        running = bool(started) and option.state is PlanState.RUNNING
        return task("verify", title, "in_progress" if running else "pending")
    return task("verify", title, "complete" if option.verified else "error")
