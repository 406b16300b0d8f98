"""Executor for JVMs: one closed operation at a service's management door."""

from collections.abc import Mapping, Sequence

from bot.adapters.executors._surfaces import SurfaceExecutor
from bot.adapters.jolokia import Jolokia, opened
from bot.domain.actions.jvm import RUN_GC
from bot.domain.catalogue import Action
from bot.domain.errors import Permanent, Refused, WatchkeeperError
from bot.domain.plan import PlannedStep, Target
from bot.ports import Executor
from bot.settings import Settings


class JvmServices:
    """`Surface` over the services that have a door."""

    kind = "jvm.service"
    actions: Sequence[Action] = (RUN_GC,)

    def __init__(self, door: Jolokia) -> None:
        self._door = door

    def read(self, target: Target) -> Mapping[str, str]:
        live = self._door.live(target.name)
        if live is None:
            message = f"{target.name} has no JVM door"
            raise Permanent(message)
        return live

    def dry_run(self, step: PlannedStep) -> None:
        """JMX has no dry run; this is the target's identity and the action's own precondition, read anew."""
        live = self.read(step.target)
        if live["uid"] != step.target.uid:
            message = f"the JVM of {step.target.name} was restarted since the plan was made"
            raise Refused(message, rule="target_changed")
        why = RUN_GC.refuses(live, step.params)
        if why:
            message = f"{step.target.name}: {why}"
            raise Refused(message, rule="action_refuses")

    def call(self, step: PlannedStep, *, token: str) -> str:
        self.dry_run(step)
        self._door.collect(step.target.name)
        try:
            live = self.read(step.target)
        except WatchkeeperError as error:
            return f"{step.target.name} was collected; its heap cannot be read now: {error}"
        return f"the heap of {step.target.name} is now {live['heap_used_percent']} % full"


class JvmExecutor(SurfaceExecutor):
    """`bot.ports.Executor` over the services' management doors."""

    def __init__(self, door: Jolokia) -> None:
        super().__init__("jvm", (JvmServices(door),))


def build(settings: Settings) -> Executor:
    """The executor that the settings describe; raises Permanent naming what is missing."""
    settings.require("executor", ["jvm_url", "jvm_executor_token_file"])
    return JvmExecutor(opened(settings.jvm_url, settings.jvm_executor_token_file))
