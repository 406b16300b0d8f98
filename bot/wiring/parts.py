"""Pieces that several processes build alike: the clock, the parsers, the evidence sources."""

import gc
import os
import socket
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType

from bot.adapters import registry
from bot.domain.caps import Caps
from bot.domain.errors import Permanent
from bot.pipeline.heartbeat import KIND as OWN_KIND
from bot.pipeline.heartbeat import Owed
from bot.ports import AlertParser
from bot.settings import Settings


class SystemClock:
    """Wall time."""

    def now(self) -> float:
        """Unix seconds UTC."""
        return time.time()


def parsers(settings: Settings) -> Mapping[str, AlertParser]:
    """One parser for each kind that a configured source or Slack app uses; an unknown kind stops the start."""
    from_slack = {"slack"} if settings.slack_alert_apps else set()
    kinds = sorted({source.kind for source in settings.sources.values()} | from_slack | {OWN_KIND})
    try:
        return {kind: _parser(registry.module("monitoring", kind), settings) for kind in kinds}
    except Permanent as error:
        message = f"WATCHKEEPER_SOURCES: {error}"
        raise Permanent(message) from error


def _parser(module: ModuleType, settings: Settings) -> AlertParser:
    """What the module builds; one whose sources have files of their own is given the settings of its sources."""
    if hasattr(module, "build_for"):
        own = {name: source for name, source in settings.sources.items() if source.kind == module.FACTS.kind}
        made: AlertParser = module.build_for(own)
    else:
        made = module.build()
    return made


def owed(settings: Settings) -> Mapping[str, Owed]:
    """The heartbeat that each source owes, where it owes one."""
    return {
        name: Owed(source.heartbeat, source.heartbeat_s)
        for name, source in settings.sources.items()
        if source.heartbeat_s > 0
    }


def holder_name(process: str) -> str:
    """Who holds a lease: process, host and pid, with a part that no restart repeats."""
    return f"{process}@{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


def new_id() -> str:
    """A random id for a row."""
    return uuid.uuid4().hex


def settled() -> None:
    """What was made so far lives as long as the process: no collection looks at it again, and forks share its pages."""
    gc.collect()
    gc.freeze()


@contextmanager
def uncollected() -> Iterator[None]:
    """Bounded work whose objects hold no cycles: looking for some took an eighth of a storm's time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def caps_of(settings: Settings) -> Caps:
    """The caps over all plans: the executor holds them, and what they would refuse is not offered."""
    return Caps(
        per_action_hour=settings.max_runs_per_action,
        per_service_hour=settings.max_runs_per_service,
        running=settings.max_running_plans,
        targets=settings.max_plan_targets,
        replica_percent=settings.max_replica_percent,
        cents_per_hour=settings.max_plan_cents_per_hour,
    )
