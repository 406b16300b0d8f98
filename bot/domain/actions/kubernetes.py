"""Actions on Kubernetes Deployments.

Live fields of `k8s.deployment` (scope = namespace), less those marked * when the executor reads them: uid;
resource_version; generation, observed_generation, replicas = wanted, total, updated, ready (numbers); revision =
annotation deployment.kubernetes.io/revision; image = of the first container; template_hash = label
pod-template-hash of the ReplicaSet whose template is the live one; previous_revision*, previous_image*,
previous_template_hash* = of the newest older revision that was live for ten minutes, else of the newest older one,
absent where there is none; previous_ran_s* = how long it was live in seconds, 0 where no record says so;
previous_until* = unix seconds at which the next one replaced it, absent where no record says so; config, previous_config* = the
ConfigMaps that the template refers to, joined by commas; previous_config_sound* = 1 where all of the older ones still
exist and are immutable, else 0; restarted_from = generation from which it was restarted last, 0 where never; paused,
rolling = 1 while a rollout is paused or under way; autoscaler = name of the HorizontalPodAutoscaler that sets its
replicas, empty where none does; unit_price = of one pod (domain/price).
"""

from collections.abc import Mapping

from bot.domain.catalogue import Action, Live, Param, Params
from bot.domain.kube_patch import merge_patch
from bot.domain.plan import ActionClass, Target
from bot.domain.price import added_cost
from bot.domain.share import fewer

RESTARTED = "watchkeeper-restarted-from"
KINDS: Mapping[str, frozenset[str]] = {
    "k8s.deployment": frozenset(
        {"generation", "replicas", "updated", "ready", "revision", "image", "template_hash", "config"}
        | {"previous_revision", "previous_image", "previous_template_hash"}
        | {"previous_ran_s", "previous_until", "previous_config", "previous_config_sound"}
        | {"restarted_from", "paused", "rolling", "autoscaler", "unit_price"}
    )
}
_READS = (
    "k8s:apps:deployments:get",
    "k8s:apps:replicasets:list",
    "k8s:autoscaling:horizontalpodautoscalers:list",
    "k8s::configmaps:get",
)


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


def _rolled_out(live: Live) -> bool:
    seen = int(live["observed_generation"]) >= int(live["generation"])
    return seen and live["updated"] == live["total"] == live["ready"] == live["replicas"]


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
    settled=lambda live, params: live["template_hash"] == params["to_template"] and _rolled_out(live),
    blast_radius=lambda live, _params: {"deployments": 1, "pods": int(live["replicas"])},
    permissions=(*_READS, "k8s:apps:deployments:patch"),
)


def _scale_command(target: Target, params: Params) -> tuple[str, ...]:
    return (
        "kubectl",
        f"--namespace={target.scope}",
        "scale",
        f"--replicas={params['replicas']}",
        "--",
        f"deployment/{target.name}",
    )


def _scaled(live: Live, params: Params) -> bool:
    # Fewer ready pods than wanted may be the very incident, so that only their number is waited for.
    seen = int(live["observed_generation"]) >= int(live["generation"])
    return seen and live["replicas"] == live["total"] == str(params["replicas"])


def _scale_radius(live: Live, params: Params) -> Mapping[str, int]:
    more = int(params["replicas"]) - int(live["replicas"])
    return {"deployments": 1, "pods": abs(more), **added_cost(live, more)}


def _scaled_by_another(live: Live, _params: Params) -> str:
    scaler = live.get("autoscaler", "")
    if scaler:
        return f"the autoscaler {scaler} sets its replicas; set the bounds of the autoscaler instead."
    return ""


SCALE = Action(
    id="kubectl/scale",
    executor="kubectl",
    target_kind="k8s.deployment",
    klass=ActionClass.RISKY,
    params={"replicas": Param("integer", minimum=1, maximum=100)},
    command=_scale_command,
    inverse=lambda live, _params: {"replicas": int(live["replicas"])},
    expect=("replicas",),
    sets=lambda params: {"replicas": str(params["replicas"])},
    settled=_scaled,
    blast_radius=_scale_radius,
    permissions=(*_READS, "k8s:apps:deployments/scale:patch"),
    refuses=_scaled_by_another,
    takes_away=fewer("replicas", "replicas"),
)


def _restart_command(target: Target, params: Params) -> tuple[str, ...]:
    template = {"metadata": {"annotations": {RESTARTED: str(params["generation"])}}}
    return merge_patch(target, f"deployment/{target.name}", {"spec": {"template": template}})


def _not_to_be_restarted(live: Live, _params: Params) -> str:
    if int(live.get("ready", "0")) < 2:
        return "fewer than two of its pods are ready, so that a restart could leave none."
    if live.get("rolling") == "1":
        return "a rollout is under way."
    return "its rollouts are paused." if live.get("paused") == "1" else ""


ROLLOUT_RESTART = Action(
    id="kubectl/rollout-restart",
    executor="kubectl",
    target_kind="k8s.deployment",
    klass=ActionClass.RISKY,
    # Not the time, as `kubectl rollout restart` writes it, but the generation it starts from: said twice, done once.
    params={"generation": Param("integer", minimum=1, maximum=1_000_000)},
    command=_restart_command,
    inverse=lambda _live, _params: None,
    expect=("generation", "template_hash"),
    sets=lambda params: {"restarted_from": str(params["generation"])},
    settled=lambda live, params: live["restarted_from"] == str(params["generation"]) and _rolled_out(live),
    blast_radius=lambda live, _params: {"deployments": 1, "pods": int(live["replicas"])},
    permissions=(*_READS, "k8s:apps:deployments:patch"),
    refuses=_not_to_be_restarted,
)

ACTIONS = (ROLLOUT_UNDO, SCALE, ROLLOUT_RESTART)
