"""The AWS executor whose every call runs in a session of its own: `bot.ports.Executor` over `Sessions`."""

from collections.abc import Callable, Mapping

import boto3

from bot.adapters.executors._aws_session import Sessions
from bot.domain.actions.table import ACTIONS, action_of
from bot.domain.permissions import AwsPermission, permission_of
from bot.domain.plan import PlannedStep, Target
from bot.ports import Executor

_MOST_KEPT = 64


class ScopedExecutor:
    """Builds for each session an executor of the target's kind alone, and hands the call on to it."""

    name = "aws"

    def __init__(
        self,
        sessions: Sessions,
        within: Callable[[boto3.Session, str], Executor],
        approver: str = "",
        made: dict[boto3.Session, Executor] | None = None,
    ) -> None:
        self._sessions = sessions
        self._within = within
        self._approver = approver
        self._made = {} if made is None else made

    def for_approver(self, approver: str) -> Executor:
        """The same, with the same sessions for reading, whose writes bear this name."""
        return ScopedExecutor(self._sessions, self._within, approver, self._made)

    def read(self, target: Target) -> Mapping[str, str]:
        return self._reading(_reads_of(target.kind), target).read(target)

    def dry_run(self, step: PlannedStep) -> None:
        # EC2's own dry run asks for the very permission of the call.
        self._reading(action_of(step.action).permissions, step.target).dry_run(step)

    def call(self, step: PlannedStep, *, token: str) -> str:
        permissions = action_of(step.action).permissions
        session = self._sessions.of_plan(permissions, step.target, token, self._approver)
        return self._within(session, step.target.kind).call(step, token=token)

    def settled(self, step: PlannedStep, *, token: str) -> bool:
        return self._reading(_reads_of(step.target.kind), step.target).settled(step, token=token)

    def _reading(self, permissions: tuple[str, ...], target: Target) -> Executor:
        session = self._sessions.of_reading(permissions, target)
        if session not in self._made:
            if len(self._made) >= _MOST_KEPT:
                self._made.clear()
            self._made[session] = self._within(session, target.kind)
        return self._made[session]


def _reads_of(kind: str) -> tuple[str, ...]:
    """What reading a target of that kind needs, whichever action it is for."""
    texts = {text for action in ACTIONS.values() if action.target_kind == kind for text in action.permissions}
    return tuple(sorted(text for text in texts if _reads(text)))


def _reads(text: str) -> bool:
    one = permission_of(text)
    return isinstance(one, AwsPermission) and not one.writes
