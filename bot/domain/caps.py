"""Caps over everything that runs, whatever its playbook allows: per hour, at once, and for one plan.

Pure: the executor counts in the database, right before a plan starts, and asks here.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.domain.plan import Plan, PlannedStep
from bot.domain.price import COST

HOUR_S = 3600.0
# Live fields that say how many copies there are, and the parameters that set them.
_COPIES = (
    ("replicas", "replicas"),
    ("max_replicas", "max_replicas"),
    ("count", "desired_count"),
    ("capacity", "capacity"),
)


@dataclass(frozen=True, slots=True)
class Caps:
    """Upper bounds, each inclusive. `replica_percent` is the share of a target's copies that one plan may take away."""

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
    for step in plan.steps:
        percent = taken_percent(step)
        if percent > caps.replica_percent:
            return (
                f"step {step.id} takes away {percent} % of what {step.target.name} has, "
                f"at most {caps.replica_percent} % are allowed"
            )
    return ""


def taken_percent(step: PlannedStep) -> int:
    """The share of the target's copies that the step takes away, in per cent, rounded up; 0 where it takes none."""
    for param, field in _COPIES:
        after, before = step.params.get(param), step.expect.get(field, "")
        if type(after) is int and before.isdigit() and int(before) > after >= 0:
            return -(-100 * (int(before) - after) // int(before))
    return 0


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
