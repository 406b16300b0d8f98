"""Actions on Amazon ECS services.

Live fields of `ecs.service` (scope = cluster), less those marked * when the executor reads them: uid =
"ARN@CREATED" with createdAt in whole unix seconds; status; controller = ECS, CODE_DEPLOY or EXTERNAL;
desired_count, running_count (numbers); task_definition = its ARN; revision = FAMILY:REVISION of it; rollout =
"FAMILY:REVISION STATE" of the primary deployment; unit_price = of one task (domain/price); previous_count* = the
last other desired count; scaled_at* = unix seconds of that change; previous_revision* = the newest other revision
that was live before, or else the newest older one that is registered; deployed_at* = unix seconds since which the
live revision is; previous_ran_s* = how long the previous one was live, absent where no record says so.
"""

from collections.abc import Mapping

from bot.domain.catalogue import Action, Live, Param, Params
from bot.domain.plan import ActionClass, Target
from bot.domain.price import added_cost
from bot.domain.share import fewer

KINDS: Mapping[str, frozenset[str]] = {
    "ecs.service": frozenset(
        {"status", "controller", "desired_count", "running_count", "task_definition", "revision", "rollout"}
        | {"unit_price", "previous_count", "scaled_at"}
        | {"previous_revision", "deployed_at", "previous_ran_s"}
    )
}
REVISION = r"[A-Za-z0-9_-]{1,255}:[1-9][0-9]{0,8}"


def _update(target: Target, change: str) -> tuple[str, ...]:
    return ("aws", "ecs", "update-service", f"--cluster={target.scope}", f"--service={target.name}", change)


def _scale_command(target: Target, params: Params) -> tuple[str, ...]:
    return _update(target, f"--desired-count={params['count']}")


def _scale_inverse(live: Live, params: Params) -> Params | None:
    return {"count": int(live["desired_count"])}


def _scaled(live: Live, params: Params) -> bool:
    # Running tasks follow later and prove nothing about the call; the plan's checks measure the effect.
    return live["desired_count"] == str(params["count"])


def _tasks(live: Live, params: Params) -> Mapping[str, int]:
    more = int(params["count"]) - int(live["desired_count"])
    return {"services": 1, "tasks": abs(more), **added_cost(live, more)}


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
    takes_away=fewer("count", "desired_count"),
)


def _deploy_command(target: Target, params: Params) -> tuple[str, ...]:
    return _update(target, f"--task-definition={params['revision']}")


def _deploy_inverse(live: Live, _params: Params) -> Params | None:
    return {"revision": live["revision"]}


def _deployed(live: Live, params: Params) -> bool:
    return live["revision"] == params["revision"] and live["rollout"] == f"{params['revision']} COMPLETED"


def _not_ours(live: Live, params: Params) -> str:
    if live.get("controller", "ECS") != "ECS":
        return f"its deployments belong to {live['controller']}, which this call would fight with."
    if str(params["revision"]).rpartition(":")[0] != live.get("revision", "").rpartition(":")[0]:
        return "that task definition is of another family."
    return ""


SET_TASK_DEFINITION = Action(
    id="ecs/set-task-definition",
    executor="aws",
    target_kind="ecs.service",
    klass=ActionClass.RISKY,
    params={"revision": Param("name", pattern=REVISION)},
    command=_deploy_command,
    inverse=_deploy_inverse,
    expect=("status", "revision"),
    sets=lambda params: {"revision": str(params["revision"])},
    settled=_deployed,
    blast_radius=lambda live, _params: {"services": 1, "tasks": int(live["desired_count"])},
    permissions=("iam:ecs:DescribeServices", "iam:ecs:DescribeTaskDefinition", "iam:ecs:UpdateService"),
    refuses=_not_ours,
)

ACTIONS = (SET_DESIRED_COUNT, SET_TASK_DEFINITION)
