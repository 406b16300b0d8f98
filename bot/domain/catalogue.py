"""The closed table of actions: what may ever be done to production, and how each one reads as a command.

Pure data and pure functions, so that the card (web), the plan (worker) and the call (executor) come from one
definition. `adapters/executors` adds binary, context, credentials and timeouts, and nothing else.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bot.domain.errors import Permanent
from bot.domain.plan import ActionClass, Target

Params = Mapping[str, str | int]
Live = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter: `kind` is integer (with bounds) or name (an inventory identifier, checked against `pattern`)."""

    kind: str
    minimum: int = 0
    maximum: int = 0
    pattern: str = ""


@dataclass(frozen=True, slots=True)
class Action:
    """One verb that sets absolute state. `inverse` gives the parameters that restore `live`, or None.

    `expect` names the live fields that must be unchanged at the moment of the call (`uid` always is).
    `settled` reads back. `blast_radius` counts what the call touches.
    """

    id: str
    executor: str
    target_kind: str
    klass: ActionClass
    params: Mapping[str, Param]
    command: Callable[[Target, Params], tuple[str, ...]]
    inverse: Callable[[Live, Params], Params | None]
    expect: tuple[str, ...]
    settled: Callable[[Live, Params], bool]
    blast_radius: Callable[[Live, Params], Mapping[str, int]]
    permissions: tuple[str, ...]


def check_params(action: Action, params: Params) -> None:
    """Raise Permanent unless `params` are exactly the declared ones and each is inside its bounds."""
    if set(params) != set(action.params):
        message = f"{action.id} takes exactly {sorted(action.params)}, got {sorted(params)}"
        raise Permanent(message)
    for name, spec in action.params.items():
        value = params[name]
        if spec.kind == "integer":
            inside = type(value) is int and spec.minimum <= value <= spec.maximum
            if not inside:
                message = f"{action.id}: {name}={value!r} is not an integer in {spec.minimum}..{spec.maximum}"
                raise Permanent(message)
        elif not isinstance(value, str):
            message = f"{action.id}: {name}={value!r} is not a name"
            raise Permanent(message)
