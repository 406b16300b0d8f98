"""Actions on Kubernetes Deployments.

Live fields of `k8s.deployment` (scope = namespace), less those marked * when the executor reads them: uid;
resource_version; generation, observed_generation, replicas = wanted, total, updated, ready (numbers); revision =
annotation deployment.kubernetes.io/revision; image = of the first container; template_hash = label
pod-template-hash of the ReplicaSet whose template is the live one; previous_revision*, previous_image*,
previous_template_hash* = of the newest older revision, absent where there is none.
"""

from collections.abc import Mapping

from bot.domain.catalogue import Action, Live, Param, Params
from bot.domain.plan import ActionClass, Target

KINDS: Mapping[str, frozenset[str]] = {
    "k8s.deployment": frozenset(
        {"replicas", "updated", "ready", "revision", "image", "template_hash"}
        | {"previous_revision", "previous_image", "previous_template_hash"}
    )
}


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

ACTIONS = (ROLLOUT_UNDO,)
