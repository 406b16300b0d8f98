"""Executors by name: the file name is the adapter's name. An unknown or failing one stops the process."""

import importlib
from collections.abc import Sequence

from bot.domain.errors import Permanent
from bot.ports import Executor
from bot.settings import Settings

NAMES = ("aws", "forensics", "kubectl", "scripted")


def enabled(settings: Settings) -> tuple[str, ...]:
    """The executors for which the settings hold write credentials; none means observe-only."""
    names: list[str] = []
    if settings.aws_executor_credentials is not None:
        names.append("aws")
    if settings.kube_executor_config is not None:
        names += ["forensics", "kubectl"]
    return tuple(names)


def build_all(settings: Settings, names: Sequence[str]) -> dict[str, Executor]:
    """Build each named executor; raises Permanent for a name that is unknown or settings that do not suffice."""
    built: dict[str, Executor] = {}
    for name in names:
        if name not in NAMES:
            message = f"unknown executor {name!r}; known: {', '.join(NAMES)}"
            raise Permanent(message)
        module = importlib.import_module(f"bot.adapters.executors.{name}")
        built[name] = module.build(settings)
    return built
