"""Live fields of EC2 instances and EBS volumes, from the API's own answers; reader and executor must agree on them."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

SERVICE, ROLE, PROTECTED = "service", "watchkeeper-role", "protected"
PREVIOUS = "watchkeeper-previous-groups"
NUMBER = "watchkeeper-snapshot"


def tags_of(thing: Mapping[str, Any]) -> dict[str, str]:
    """The tags of anything that EC2 describes."""
    return {tag["Key"]: tag["Value"] for tag in thing.get("Tags", [])}


def live_instance(
    instance: Mapping[str, Any], quarantine: Mapping[str, str], protected: Collection[str]
) -> dict[str, str]:
    """The fields that `domain/actions` names for ec2.instance; `quarantine` is {VPC: its registered group}."""
    tags = tags_of(instance)
    vpc = instance.get("VpcId", "")
    guarded = instance["InstanceId"] in protected or tags.get(ROLE) == PROTECTED
    live = {
        "uid": str(instance["InstanceId"]),
        "state": str(instance["State"]["Name"]),
        "vpc": str(vpc),
        "groups": ",".join(sorted(group["GroupId"] for group in instance.get("SecurityGroups", []))),
        "interfaces": str(len(instance.get("NetworkInterfaces", []))),
        "protected": "true" if guarded else "false",
    }
    if vpc in quarantine:
        live["quarantine_group"] = quarantine[vpc]
    if PREVIOUS in tags:
        live["previous_groups"] = tags[PREVIOUS].replace(" ", ",")
    return live


def live_volume(volume: Mapping[str, Any], snapshots: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The fields for ebs.volume; `snapshots` are those of this volume that carry our number."""
    numbers = [int(tags_of(one)[NUMBER]) for one in snapshots if tags_of(one).get(NUMBER, "").isdigit()]
    last = max(numbers, default=0)
    return {
        "uid": str(volume["VolumeId"]),
        "state": str(volume["State"]),
        "size_gb": str(volume["Size"]),
        "last_snapshot": str(last),
        "next_snapshot": str(last + 1),
    }
