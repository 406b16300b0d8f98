"""Actions on EC2 instances and EBS volumes: isolation by the registered quarantine group alone, and snapshots.

Live fields of `ec2.instance` (scope = region, name and uid = its id): state; vpc; groups = security groups, sorted,
with commas; interfaces (number); quarantine_group = the one that operators registered for the VPC, absent where there
is none; previous_groups = what it had before it was isolated, from its own tag; protected = true for the bot's own and
the operators' instances.

Live fields of `ebs.volume` (scope = region, name and uid = its id): state; size_gb; last_snapshot = number of the
newest snapshot that Watchkeeper took, 0 without one; next_snapshot = the number after it.
"""

from collections.abc import Mapping

from bot.domain.catalogue import Action, Live, Param, Params
from bot.domain.plan import ActionClass, Target

KINDS: Mapping[str, frozenset[str]] = {
    "ec2.instance": frozenset(
        {"state", "vpc", "groups", "interfaces", "quarantine_group", "previous_groups", "protected"}
    ),
    "ebs.volume": frozenset({"state", "size_gb", "last_snapshot", "next_snapshot"}),
}
GROUP = r"sg-[0-9a-f]{8,17}"
INSTANCE = r"i-[0-9a-f]{8,17}"
VOLUME = r"vol-[0-9a-f]{8,17}"


def _isolate_command(target: Target, params: Params) -> tuple[str, ...]:
    return (
        "aws", "ec2", "modify-instance-attribute", f"--region={target.scope}", f"--instance-id={target.name}",
        f"--groups={params['groups']}",
    )  # fmt: skip


def _isolate_refuses(live: Live, params: Params) -> str:
    """Into the registered quarantine group and from there back to what the instance's own tag says: nothing else."""
    wanted, quarantine = str(params["groups"]), live.get("quarantine_group", "")
    isolated = bool(quarantine) and live["groups"] == quarantine
    reasons = (
        (
            live["protected"] != "false",
            "it is protected: Watchkeeper's or the operators' own path leads over it.",
        ),
        (live["state"] not in ("running", "stopped"), f"it is {live['state']}."),
        (live["interfaces"] != "1", "it has not exactly one network interface; isolate it by hand."),
        (not quarantine, "no quarantine group is registered for its VPC."),
        (
            not isolated and wanted not in (quarantine, live["groups"]),
            "it may be given the registered quarantine group and no other.",
        ),
        (
            isolated and wanted not in (quarantine, live.get("previous_groups", "")),
            "only the groups that it had before may come back.",
        ),
    )
    return next((why for holds, why in reasons if holds), "")


ISOLATE = Action(
    id="ec2/isolate-instance",
    executor="aws",
    target_kind="ec2.instance",
    klass=ActionClass.RISKY,
    params={"groups": Param("name", pattern=rf"{GROUP}(,{GROUP}){{0,15}}")},
    command=_isolate_command,
    inverse=lambda live, _params: {"groups": live["groups"]},
    expect=("groups", "vpc"),
    sets=lambda params: {"groups": str(params["groups"])},
    settled=lambda live, params: live["groups"] == params["groups"],
    blast_radius=lambda _live, _params: {"instances": 1},
    permissions=(
        "iam:ec2:DescribeInstances",
        "iam:ec2:DescribeSecurityGroups",
        "iam:ec2:CreateTags",
        "iam:ec2:ModifyInstanceAttribute",
    ),
    refuses=_isolate_refuses,
    name_pattern=INSTANCE,
)


def _snapshot_command(target: Target, params: Params) -> tuple[str, ...]:
    return (
        "aws", "ec2", "create-snapshot", f"--region={target.scope}", f"--volume-id={target.name}",
        f"--snapshot-number={params['number']}",
    )  # fmt: skip


def _snapshot_refuses(live: Live, params: Params) -> str:
    if live["state"] not in ("in-use", "available"):
        return f"it is {live['state']}."
    taken = int(params["number"]) < int(live["next_snapshot"])
    return "a snapshot of that number was taken already." if taken else ""


SNAPSHOT = Action(
    id="ec2/snapshot-volume",
    executor="aws",
    target_kind="ebs.volume",
    klass=ActionClass.SAFE,
    # Absolute, so that a second call of the same plan is seen to be one: snapshot number N exists.
    params={"number": Param("integer", minimum=1, maximum=100_000)},
    command=_snapshot_command,
    inverse=lambda _live, _params: {},
    expect=("last_snapshot",),
    sets=lambda params: {
        "last_snapshot": str(params["number"]),
        "next_snapshot": str(int(params["number"]) + 1),
    },
    settled=lambda live, params: int(live["last_snapshot"]) >= int(params["number"]),
    blast_radius=lambda live, _params: {"volumes": 1, "gigabytes": int(live["size_gb"])},
    permissions=(
        "iam:ec2:DescribeVolumes",
        "iam:ec2:DescribeSnapshots",
        "iam:ec2:CreateSnapshot",
        "iam:ec2:CreateTags",
    ),
    # Evidence: it adds a copy and leaves everything that runs as it is.
    read_only=True,
    refuses=_snapshot_refuses,
    name_pattern=VOLUME,
)

ACTIONS = (ISOLATE, SNAPSHOT)
