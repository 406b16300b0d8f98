"""derive: the executor binds the playbook to what it reads itself, and takes the plan for its own only if both agree.

So a standing order runs what executor code derives from the signed file and the live objects; the stored plan only
says when. Where the executor cannot read a field that the playbook binds, nothing runs unasked.
"""

from collections.abc import Mapping

from bot.domain.actions.table import ACTIONS
from bot.domain.binding import Found, bind, is_bound_from
from bot.domain.errors import Permanent, Refused, WatchkeeperError
from bot.domain.order_rules import Held
from bot.domain.plan import Plan, Target
from bot.domain.playbook import Playbook
from bot.pipeline.execute.terms import Means
from bot.pipeline.prove import prove


def not_derived(means: Means, playbook: Playbook | None, plan: Plan) -> Held | None:
    """Why the plan is not what the playbook and the live objects give now, or None."""
    if playbook is None or not is_bound_from(playbook, plan.steps):
        return Held("not_derived", f"the plan's steps are not those of playbook {plan.playbook}")
    try:
        found = _found(means, playbook, plan)
        bound, cautions = bind(playbook, found, now=means.clock.now()), prove(playbook, found, means.history)
    except Refused as error:
        return Held("not_derived", str(error))
    except (WatchkeeperError, KeyError) as error:
        return Held("not_derived", f"the live objects cannot be read as the playbook needs them: {error}")
    if cautions:
        return Held("unproven", "; ".join(cautions))
    same = (bound.steps, bound.klass, dict(bound.blast_radius)) == (
        plan.steps,
        plan.klass,
        dict(plan.blast_radius),
    )
    return None if same else Held("not_derived", "the live objects give another plan by now")


def _found(means: Means, playbook: Playbook, plan: Plan) -> dict[str, Found]:
    """The plan's own targets by the input of the playbook that names them, each as it is now."""
    inputs = {step.id: step.on for step in playbook.steps}
    live: dict[Target, Mapping[str, str]] = {}
    found: dict[str, list[tuple[Target, Mapping[str, str]]]] = {}
    for step in plan.steps:
        name = inputs.get(step.id) or inputs[step.id.rpartition("_")[0]]
        if step.target not in live:
            live[step.target] = _read(means, step.action, step.target)
        pair = (step.target, live[step.target])
        if pair not in found.setdefault(name, []):
            found[name].append(pair)
    return dict(found)


def _read(means: Means, action: str, target: Target) -> Mapping[str, str]:
    executor = means.executors.get(ACTIONS[action].executor) if action in ACTIONS else None
    if executor is None:
        message = f"no executor is configured for {action}"
        raise Permanent(message)
    fields = executor.read(target)
    if fields.get("uid") != target.uid:
        message = f"{target.name} is another object by now."
        raise Refused(message, rule="uid")
    return fields
