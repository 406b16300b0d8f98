"""Actions on Amazon ECS services.

Live fields of `ecs.service` (scope = cluster), less those marked * when the executor reads them: uid =
"ARN@CREATED" with createdAt in whole unix seconds; status; desired_count, running_count (numbers);
task_definition; previous_count* = the last other desired count; scaled_at* = unix seconds of that change.
"""

from collections.abc import Mapping

from bot.domain.catalogue import Action, Live, Param, Params
from bot.domain.plan import ActionClass, Target

KINDS: Mapping[str, frozenset[str]] = {
    "ecs.service": frozenset(
        {"status", "desired_count", "running_count", "task_definition", "previous_count", "scaled_at"}
    )
}


def _scale_command(target: Target, params: Params) -> tuple[str, ...]:
    return (
        "aws",
        "ecs",
        "update-service",
        f"--cluster={target.scope}",
        f"--service={target.name}",
        f"--desired-count={params['count']}",
    )


def _scale_inverse(live: Live, params: Params) -> Params | None:
    return {"count": int(live["desired_count"])}


def _scaled(live: Live, params: Params) -> bool:
    # Running tasks follow later and prove nothing about the call; the plan's checks measure the effect.
    return live["desired_count"] == str(params["count"])


def _tasks(live: Live, params: Params) -> Mapping[str, int]:
    return {"services": 1, "tasks": abs(int(live["desired_count"]) - int(params["count"]))}


SET_DESIRED_COUNT = Action(
    id="ecs/set-desired-count",
    executor="aws",
    target_kind="ecs.service",
    klass=ActionClass.RISKY,
    params={"count": Param("integer", minimum=1, maximum=50)},
    command=_scale_command,
    inverse=_scale_inverse,
    expect=("status", "desired_count", "task_definition"),
    sets=lambda params: {"desired_count": str(params["count"])},
    settled=_scaled,
    blast_radius=_tasks,
    permissions=("iam:ecs:DescribeServices", "iam:ecs:UpdateService"),
)

ACTIONS = (SET_DESIRED_COUNT,)
