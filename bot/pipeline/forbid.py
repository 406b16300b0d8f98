"""forbid: what holds a plan back at this moment, in words: a switch, a freeze window, a planned event it does not know.

Asked at the click by web, and again by the executor before the plan starts and before each step.
"""

from collections.abc import Sequence

from bot.domain.actions.table import ACTIONS
from bot.domain.plan import Plan, PlannedStep
from bot.domain.scope import inert, scope_words
from bot.ports import Transaction


def forbidden(tx: Transaction, scopes: Sequence[str], *, now: float, looks_only: bool = False) -> str | None:
    """What is frozen among `scopes`, or None. A freeze window holds back changes only, a switch everything."""
    switch = tx.switched_on(scopes)
    if switch is not None:
        return inert(scope_words(switch))
    window = None if looks_only else tx.frozen_by(scopes, now=now)
    return inert(window.words()) if window else None


def overtaken(tx: Transaction, plan: Plan, *, now: float) -> str:
    """The title of a planned event that is on now and began, or was entered, after the plan was made."""
    if plan.undoes or read_only(plan):
        return ""
    services = {step.target.service for step in plan.steps if not looks_only(step)}
    made_at = plan.created_ms / 1000
    for event in tx.planned_events(start=now, end=now):
        touches = any(event.covers(service, now) for service in services)
        if touches and max(event.starts_at, event.entered_at) > made_at:
            return inert(event.title)
    return ""


def read_only(plan: Plan) -> bool:
    """Whether no step of the plan changes anything; unknown actions count as changing."""
    return all(looks_only(step) for step in plan.steps)


def looks_only(step: PlannedStep) -> bool:
    """Whether the step changes nothing; an unknown action counts as changing."""
    return step.action in ACTIONS and ACTIONS[step.action].read_only
