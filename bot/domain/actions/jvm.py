"""Actions on the JVMs of a service behind its management door: a full garbage collection.

Live fields of `jvm.service`: uid = "NAME@START"; heap_used_percent, heap_used_mib, heap_max_mib; collections = full
collections so far; next_collection = one more. The door speaks for all instances of the service.
"""

from collections.abc import Mapping

from bot.domain.catalogue import Action, Live, Param, Params
from bot.domain.plan import ActionClass, Target

KINDS: Mapping[str, frozenset[str]] = {
    "jvm.service": frozenset(
        {"heap_used_percent", "heap_used_mib", "heap_max_mib", "collections", "next_collection"}
    )
}
_WORTH_PERCENT = 50


def _command(target: Target, params: Params) -> tuple[str, ...]:
    return (
        "jolokia",
        "exec",
        "java.lang:type=Memory",
        "gc",
        f"--collection={params['number']}",
        "--",
        target.name,
    )


def _refuses(live: Live, params: Params) -> str:
    if int(live["heap_used_percent"]) < _WORTH_PERCENT:
        return f"its heap is only {live['heap_used_percent']} % full; a collection would cost more than it gives."
    done = int(params["number"]) <= int(live["collections"])
    return "a collection of that number has run already." if done else ""


RUN_GC = Action(
    id="jvm/run-gc",
    executor="jvm",
    target_kind="jvm.service",
    klass=ActionClass.SAFE,
    # Absolute, so that a second call of the same plan is seen to be one: collection number N has run.
    params={"number": Param("integer", minimum=1, maximum=1_000_000)},
    command=_command,
    inverse=lambda _live, _params: None,
    # JVMs also collect by themselves, which takes nothing from the plan.
    expect=(),
    sets=lambda _params: {},
    settled=lambda live, params: int(live["collections"]) >= int(params["number"]),
    blast_radius=lambda _live, _params: {"services": 1},
    permissions=("jmx:Memory:gc",),
    transient=True,
    refuses=_refuses,
)

ACTIONS = (RUN_GC,)
