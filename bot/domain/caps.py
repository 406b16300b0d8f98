"""Caps over everything that runs, whatever its playbook allows: per hour, at once, and for one plan.

Pure: the executor counts in the database, right before a plan starts, and asks here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from bot.domain.actions.table import action_of
from bot.domain.plan import Plan, PlannedStep
from bot.domain.price import COST
from bot.domain.share import NOTHING, percent, together

HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Caps:
    """Upper bounds, each inclusive. `replica_percent` is the share of what serves that one plan may take away."""

    per_action_hour: int = 20
    per_service_hour: int = 10
    running: int = 4
    targets: int = 10
    replica_percent: int = 75
    cents_per_hour: int = 5000


@dataclass(frozen=True, slots=True)
class Counted:
    """What is going on: plans that run, and executions of the last hour by `action:ID` and `service:NAME`."""

    running: int
    last_hour: Mapping[str, int]


def names_of(plan: Plan) -> tuple[str, ...]:
    """Under which names an execution of the plan counts."""
    actions = {f"action:{step.action}" for step in plan.steps}
    services = {f"service:{step.target.service}" for step in plan.steps}
    return tuple(sorted(actions | services))


def too_much(plan: Plan, caps: Caps) -> str:
    """Why the plan by itself goes over a cap, in one clause, or an empty string."""
    targets = len({(step.target.kind, step.target.uid) for step in plan.steps})
    if targets > caps.targets:
        return f"it has {targets} targets, at most {caps.targets} are allowed in one plan"
    cents = plan.blast_radius.get(COST, 0)
    if cents > caps.cents_per_hour:
        return f"it costs {cents} cents an hour more, at most {caps.cents_per_hour} are allowed"
    for name, taken in _shares(plan):
        why = too_large(taken, name, caps)
        if why:
            return f"it {why}"
    return ""


def too_large(taken: Fraction, name: str, caps: Caps) -> str:
    """In words how a share of what `name` has goes over its cap when it is taken away, or an empty string."""
    if taken * 100 <= caps.replica_percent:
        return ""
    most = caps.replica_percent
    return f"takes away {percent(taken)} % of what {name} has, at most {most} % are allowed"


def _shares(plan: Plan) -> list[tuple[str, Fraction]]:
    """For each target, by its uid, its name and what all steps on it take away together, as far as the approved plan alone tells.

    What depends on the state at the very moment, like the health of targets, is asked right before each call.
    """
    parts: dict[tuple[str, str], list[Fraction]] = {}
    for step in plan.steps:
        parts.setdefault((step.target.uid, step.target.name), []).append(taken_by(step))
    return [(name, together(of)) for (_uid, name), of in parts.items()]


def taken_by(step: PlannedStep) -> Fraction:
    """The share of its target's copies that the step takes away, by the state that was approved."""
    try:
        return action_of(step.action).takes_away(step.expect, step.params)
    except KeyError:
        return NOTHING


def too_often(plan: Plan, caps: Caps, counted: Counted) -> str:
    """Why the plan may not start now, in one clause, or an empty string."""
    if counted.running >= caps.running:
        return f"{counted.running} plans run already, at most {caps.running} may at once; wait until one has ended"
    for name in names_of(plan):
        kind, _, what = name.partition(":")
        most = caps.per_action_hour if kind == "action" else caps.per_service_hour
        had = counted.last_hour.get(name, 0)
        if had >= most:
            return f"{what} had {had} runs in the last hour, at most {most} are allowed"
    return ""
