"""demoted(): which alerting services only suffer from the cause, and through whom, and which it does not explain."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from bot.domain.topology import Topology

MOST_NAMED = 50


@dataclass(frozen=True, slots=True)
class Demotion:
    """`symptoms` are (service, the callee through which the cause reaches it), nearest first; `apart` the others."""

    symptoms: tuple[tuple[str, str], ...] = ()
    apart: tuple[str, ...] = ()


def demoted(cause: str, alerting: Iterable[str], topology: Topology) -> Demotion:
    """The alerting services under their cause; a cause that the map does not know has nobody under it."""
    if cause not in topology.nodes():
        return Demotion()
    callers = topology.callers()
    through: dict[str, str] = {cause: ""}
    todo = deque([cause])
    while todo:
        name = todo.popleft()
        for caller in callers.get(name, ()):
            if caller not in through:
                through[caller] = name
                todo.append(caller)
    names = {name for name in alerting if name and name != cause}
    symptoms = [(name, callee) for name, callee in through.items() if name in names]
    return Demotion(tuple(symptoms[:MOST_NAMED]), tuple(sorted(names - through.keys()))[:MOST_NAMED])
