"""The closed table of actions: everything that may ever be done to production.

Live fields, all strings, that an inventory must give per target kind (the executor reads the same ones, less
those marked *). Kind `k8s.deployment` (scope = namespace): uid; resource_version; generation,
observed_generation, replicas = wanted, total, updated, ready (numbers); revision = annotation
deployment.kubernetes.io/revision; image = of the first container; template_hash = label pod-template-hash of
the ReplicaSet whose template is the live one; previous_revision*, previous_image*, previous_template_hash* = of
the newest older revision, absent where there is none. Kind `ecs.service` (scope = cluster): uid = "ARN@CREATED"
with createdAt in whole unix seconds; status; desired_count, running_count (numbers); task_definition;
previous_count* = the last other desired count.
"""

from collections.abc import Mapping

from bot.domain.catalogue import Action, Live, Param, Params
from bot.domain.errors import Permanent
from bot.domain.plan import ActionClass, Target


def _undo_command(target: Target, params: Params) -> tuple[str, ...]:
    return (
        "kubectl",
        f"--namespace={target.scope}",
        "rollout",
        "undo",
        f"--to-revision={params['to_revision']}",
        "--",
        f"deployment/{target.name}",
    )


def _undo_inverse(live: Live, params: Params) -> Params | None:
    return {"to_revision": int(live["revision"]), "to_template": live["template_hash"]}


def _rolled_out(live: Live, params: Params) -> bool:
    seen = int(live["observed_generation"]) >= int(live["generation"])
    complete = live["updated"] == live["total"] == live["ready"] == live["replicas"]
    return live["template_hash"] == params["to_template"] and seen and complete


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


def _collect_command(target: Target, params: Params) -> tuple[str, ...]:
    return (
        "forensics",
        "collect",
        f"--namespace={target.scope}",
        f"--log-lines={params['log_lines']}",
        "--",
        f"deployment/{target.name}",
    )


ROLLOUT_UNDO = Action(
    id="kubectl/rollout-undo",
    executor="kubectl",
    target_kind="k8s.deployment",
    klass=ActionClass.RISKY,
    params={
        "to_revision": Param("integer", minimum=1, maximum=1_000_000),
        # The API renumbers a revision when it is restored, so that only its template says whether we are there.
        "to_template": Param("name", pattern=r"[0-9a-z]{1,63}"),
    },
    command=_undo_command,
    inverse=_undo_inverse,
    expect=("revision", "template_hash"),
    sets=lambda params: {"template_hash": str(params["to_template"])},
    settled=_rolled_out,
    blast_radius=lambda live, _params: {"deployments": 1, "pods": int(live["replicas"])},
    permissions=(
        "k8s:apps:deployments:get",
        "k8s:apps:deployments:patch",
        "k8s:apps:replicasets:list",
    ),
)

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

COLLECT = Action(
    id="forensics/collect",
    executor="forensics",
    target_kind="k8s.deployment",
    klass=ActionClass.SAFE,
    params={"log_lines": Param("integer", minimum=1, maximum=5000)},
    command=_collect_command,
    inverse=lambda _live, _params: {},
    expect=(),
    sets=lambda _params: {},
    settled=lambda _live, _params: True,
    blast_radius=lambda _live, _params: {},
    permissions=(
        "k8s:apps:deployments:get",
        "k8s:apps:replicasets:list",
        "k8s::pods:list",
        "k8s::pods/log:get",
        "k8s::events:list",
    ),
    read_only=True,
)

ACTIONS: Mapping[str, Action] = {action.id: action for action in (ROLLOUT_UNDO, SET_DESIRED_COUNT, COLLECT)}


def action_of(action_id: str) -> Action:
    """The action with that id; raises Permanent for one that is not in the catalogue."""
    action = ACTIONS.get(action_id)
    if action is None:
        message = f"{action_id!r} is no action of the catalogue; known: {', '.join(sorted(ACTIONS))}"
        raise Permanent(message)
    return action
