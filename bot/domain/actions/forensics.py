"""Taking evidence: reads everything about a target and changes nothing."""

from collections.abc import Mapping

from bot.domain.catalogue import Action, Param, Params
from bot.domain.plan import ActionClass, Target

KINDS: Mapping[str, frozenset[str]] = {}


def _collect_command(target: Target, params: Params) -> tuple[str, ...]:
    return (
        "forensics",
        "collect",
        f"--namespace={target.scope}",
        f"--log-lines={params['log_lines']}",
        "--",
        f"deployment/{target.name}",
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
        "k8s::pods:get",
        "k8s::pods:list",
        "k8s::pods/log:get",
        "k8s::events:list",
        "k8s:networking.k8s.io:networkpolicies:list",
        "iam:cloudtrail:LookupEvents",
        "iam:s3:GetBucketObjectLockConfiguration",
        "iam:s3:PutObject",
        "iam:s3:PutObjectRetention",
    ),
    read_only=True,
)

ACTIONS = (COLLECT,)
