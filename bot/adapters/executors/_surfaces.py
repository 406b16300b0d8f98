"""An executor over surfaces: one per kind of target, each with its closed list of actions.

This is the second wall: whatever the caller checked, only a catalogue action on a target of its kind, inside its
bounds and with exactly the catalogue's command, reaches a surface.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from bot.domain.actions.table import action_of
from bot.domain.catalogue import Action, check_params, check_target
from bot.domain.errors import Permanent, Refused
from bot.domain.plan import PlannedStep, Target


class Surface(Protocol):
    """What one executor can do to one kind of target."""

    kind: str
    actions: Sequence[Action]

    def read(self, target: Target) -> Mapping[str, str]:
        """Live fields of the target; raises Permanent when it does not exist."""
        ...

    def dry_run(self, step: PlannedStep) -> None:
        """Everything that can be checked without changing anything; raises Refused or Permanent."""
        ...

    def call(self, step: PlannedStep, *, token: str) -> str:
        """Do it, once; returns one line for the log."""
        ...


class SurfaceExecutor:
    """`bot.ports.Executor` that hands each step to the surface of its target's kind."""

    def __init__(self, name: str, surfaces: Sequence[Surface]) -> None:
        self.name = name
        self._surfaces = {surface.kind: surface for surface in surfaces}

    def read(self, target: Target) -> Mapping[str, str]:
        return self._surface(target.kind).read(target)

    def dry_run(self, step: PlannedStep) -> None:
        self._checked(step).dry_run(step)

    def call(self, step: PlannedStep, *, token: str) -> str:
        return self._checked(step).call(step, token=token)

    def settled(self, step: PlannedStep, *, token: str) -> bool:
        live = self._checked(step).read(step.target)
        return live["uid"] == step.target.uid and action_of(step.action).settled(live, step.params)

    def _surface(self, kind: str) -> Surface:
        surface = self._surfaces.get(kind)
        if surface is None:
            message = f"the {self.name} executor reads {', '.join(sorted(self._surfaces))}, not {kind}"
            raise Permanent(message)
        return surface

    def _checked(self, step: PlannedStep) -> Surface:
        surface = self._surface(step.target.kind)
        action = next((one for one in surface.actions if one.id == step.action), None)
        if action is None:
            message = f"the {self.name} executor has no action {step.action!r}"
            raise Permanent(message)
        check_target(action, step.target)
        check_params(action, step.params)
        same = step.command == action.command(step.target, step.params)
        if not same or step.stdin != action.manifest(step.target, step.params):
            message = f"the command of step {step.id} is not the catalogue's"
            raise Refused(message, rule="command_changed")
        return surface
