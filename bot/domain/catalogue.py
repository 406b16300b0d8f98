"""The shape of an action and the pure functions over it; `domain/actions` holds the closed table itself.

Pure data and pure functions, so that the card (web), the plan (worker) and the call (executor) come from one
definition. `adapters/executors` adds binary, context, credentials and timeouts, and nothing else.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bot.domain.errors import Permanent
from bot.domain.plan import ActionClass, PlannedStep, Target
from bot.domain.share import Taken, takes_nothing

Params = Mapping[str, str | int]
Live = Mapping[str, str]
# Kubernetes and ECS names; neither a leading dash nor a space can make a name read as a flag.
NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}"


def _never_refuses(_live: Live, _params: Params) -> str:
    return ""


def _no_manifest(_target: Target, _params: Params) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter: `kind` is integer (with bounds) or name (an inventory identifier that matches all of `pattern`)."""

    kind: str
    minimum: int = 0
    maximum: int = 0
    pattern: str = ""


@dataclass(frozen=True, slots=True)
class Action:
    """One verb that sets absolute state. `inverse` gives the parameters that restore `live`, or None.

    `expect` names the live fields that must be unchanged at the moment of the call (`uid` always is).
    `sets` are the live fields that hold once the call has landed, `settled` says whether the effect is complete
    too. `blast_radius` counts what the call touches. `permissions` are all that it needs, one
    `k8s:GROUP:RESOURCE:VERB` or `iam:SERVICE:ACTION` each. A `read_only` action changes nothing, so that
    its inverse is to do nothing; a `transient` one acts and leaves nothing that an undo could put back.
    `refuses` is a precondition of the action itself: a sentence why it may not be done to `live`, or an
    empty string; it is asked when binding and again right before the call. `manifest` is what the command
    reads from standard input; it is part of the plan and its hash. `name_pattern` is the form of the
    target's name. What an action adds to the bill is the unit `cents_per_hour` of its blast radius.
    `takes_away` is the share of what serves that the call takes away, 0 to 1, by the live fields of that moment.
    """

    id: str
    executor: str
    target_kind: str
    klass: ActionClass
    params: Mapping[str, Param]
    command: Callable[[Target, Params], tuple[str, ...]]
    inverse: Callable[[Live, Params], Params | None]
    expect: tuple[str, ...]
    sets: Callable[[Params], Live]
    settled: Callable[[Live, Params], bool]
    blast_radius: Callable[[Live, Params], Mapping[str, int]]
    permissions: tuple[str, ...]
    read_only: bool = False
    transient: bool = False
    refuses: Callable[[Live, Params], str] = _never_refuses
    manifest: Callable[[Target, Params], str] = _no_manifest
    name_pattern: str = NAME
    takes_away: Taken = takes_nothing

    @property
    def nothing_to_undo(self) -> bool:
        """Whether its undo is to do nothing."""
        return self.read_only or self.transient


def check_params(action: Action, params: Params) -> None:
    """Raise Permanent unless `params` are exactly the declared ones and each is inside its bounds."""
    if set(params) != set(action.params):
        message = f"{action.id} takes exactly {sorted(action.params)}, got {sorted(params)}"
        raise Permanent(message)
    for name, spec in action.params.items():
        value = params[name]
        if spec.kind == "integer":
            if not (type(value) is int and spec.minimum <= value <= spec.maximum):
                message = f"{action.id}: {name}={value!r} is not an integer in {spec.minimum}..{spec.maximum}"
                raise Permanent(message)
        elif not (isinstance(value, str) and re.fullmatch(spec.pattern, value)):
            message = f"{action.id}: {name}={value!r} is not a name of the form {spec.pattern}"
            raise Permanent(message)


def planned_step(
    action: Action, step_id: str, target: Target, live: Live, params: Params, *, irreversible: bool = False
) -> PlannedStep:
    """Bind an action to a live target; raises Permanent for a wrong target, parameter or missing live field."""
    check_target(action, target)
    check_params(action, params)
    wanted = ("uid", *action.expect)
    missing = [field for field in wanted if field not in live]
    if missing:
        message = f"{action.id}: the inventory gives no {', '.join(missing)} for {target.name}"
        raise Permanent(message)
    undo = None if irreversible else _undo(action, live, params)
    return PlannedStep(
        id=step_id,
        action=action.id,
        target=target,
        params=dict(params),
        command=action.command(target, params),
        expect={field: live[field] for field in wanted},
        undo_params=undo,
        undo_command=_undo_command(action, target, undo),
        stdin=action.manifest(target, params),
    )


def rederived(action: Action, step: PlannedStep) -> PlannedStep:
    """The same step with both commands built anew from its parameters; unequal means that somebody changed it."""
    check_target(action, step.target)
    check_params(action, step.params)
    return PlannedStep(
        id=step.id,
        action=action.id,
        target=step.target,
        params=step.params,
        command=action.command(step.target, step.params),
        expect=step.expect,
        undo_params=step.undo_params,
        undo_command=_undo_command(action, step.target, step.undo_params),
        stdin=action.manifest(step.target, step.params),
    )


def check_target(action: Action, target: Target) -> None:
    """Raise Permanent unless the target is of the action's kind and its names are plain identifiers."""
    if target.kind != action.target_kind:
        message = f"{action.id} acts on {action.target_kind}, not on {target.kind}"
        raise Permanent(message)
    for value, pattern in ((target.name, action.name_pattern), (target.scope, NAME)):
        if not re.fullmatch(pattern, value):
            message = f"{action.id}: {value!r} is not an inventory name"
            raise Permanent(message)


def _undo(action: Action, live: Live, params: Params) -> Params | None:
    if action.nothing_to_undo:
        return {}
    inverse = action.inverse(live, params)
    if inverse is not None:
        check_params(action, inverse)
    return inverse


def _undo_command(action: Action, target: Target, undo: Params | None) -> tuple[str, ...] | None:
    if undo is None:
        return None
    if action.nothing_to_undo:
        return ()
    check_params(action, undo)
    return action.command(target, undo)
