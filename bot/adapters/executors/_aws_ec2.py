"""Surfaces: EC2 instances, which may go into quarantine and back, and EBS volumes, of which a snapshot may be taken.

The quarantine group comes from the settings of this process, whatever a plan says, and must itself open nothing.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from bot.adapters.executors._aws_call import calling, check_accepted, check_place, check_same
from bot.domain.actions.ec2 import ISOLATE, SNAPSHOT
from bot.domain.catalogue import Action
from bot.domain.errors import Permanent, Refused, Retryable, Undecided
from bot.domain.live_instance import NUMBER, PREVIOUS, live_instance, live_volume
from bot.domain.plan import PlannedStep, Target

_EVERYBODY = ("0.0.0.0/0", "::/0")
_WOULD_WORK = "DryRunOperation"


class Instances:
    """`Surface` over EC2 instances. `quarantine` is {VPC: group}, `protected` are ids that stay as they are."""

    kind = "ec2.instance"
    actions: Sequence[Action] = (ISOLATE,)

    def __init__(
        self, ec2: Any, region: str, quarantine: Mapping[str, str], protected: Collection[str]
    ) -> None:
        self._ec2 = ec2
        self._region = region
        self._quarantine = quarantine
        self._protected = protected

    def read(self, target: Target) -> Mapping[str, str]:
        check_place(target, self._region)
        with calling(writes=False):
            answer = self._ec2.describe_instances(InstanceIds=[target.name])
        found = [one for group in answer["Reservations"] for one in group["Instances"]]
        if not found:
            message = f"instance {target.name} does not exist"
            raise Permanent(message)
        return live_instance(found[0], self._quarantine, self._protected)

    def dry_run(self, step: PlannedStep) -> None:
        """EC2's own dry run, behind what it does not look at: whose instance it is and what the group lets through."""
        self._checked(step)
        _would_work(
            lambda: self._ec2.modify_instance_attribute(
                InstanceId=step.target.name, Groups=_groups(step), DryRun=True
            )
        )

    def call(self, step: PlannedStep, *, token: str) -> str:
        live = self._checked(step)
        if step.params["groups"] == live.get("quarantine_group") != live["groups"]:
            self._remember(step.target.name, live["groups"])
        with calling(writes=True):
            self._ec2.modify_instance_attribute(InstanceId=step.target.name, Groups=_groups(step))
        return f"security groups of {step.target.name} are now {step.params['groups']}"

    def _checked(self, step: PlannedStep) -> Mapping[str, str]:
        live = self.read(step.target)
        check_same(live, step.target)
        check_accepted(ISOLATE, live, step)
        if step.params["groups"] == live.get("quarantine_group"):
            self._closed(live["quarantine_group"], live["vpc"])
        return live

    def _closed(self, group: str, vpc: str) -> None:
        """The quarantine group is in the VPC and no rule of it names everybody."""
        with calling(writes=False):
            answer = self._ec2.describe_security_groups(GroupIds=[group])
        [found] = answer["SecurityGroups"]
        if found.get("VpcId", "") != vpc:
            message = f"quarantine group {group} is not in {vpc}"
            raise Refused(message, rule="quarantine_group")
        rules = [*found.get("IpPermissions", []), *found.get("IpPermissionsEgress", [])]
        if any(place in _EVERYBODY for rule in rules for place in _places(rule)):
            message = f"quarantine group {group} is open to everybody; take that rule out of it first"
            raise Refused(message, rule="quarantine_group")

    def _remember(self, instance: str, groups: str) -> None:
        """The way back stands on the instance itself before it is cut off; nothing is isolated if this fails."""
        try:
            with calling(writes=True):
                # A tag's value allows no comma.
                self._ec2.create_tags(
                    Resources=[instance], Tags=[{"Key": PREVIOUS, "Value": groups.replace(",", " ")}]
                )
        except Undecided as error:
            raise Retryable(str(error)) from error


class Volumes:
    """`Surface` over EBS volumes."""

    kind = "ebs.volume"
    actions: Sequence[Action] = (SNAPSHOT,)

    def __init__(self, ec2: Any, region: str) -> None:
        self._ec2 = ec2
        self._region = region

    def read(self, target: Target) -> Mapping[str, str]:
        check_place(target, self._region)
        with calling(writes=False):
            answer = self._ec2.describe_volumes(VolumeIds=[target.name])
            if not answer["Volumes"]:
                message = f"volume {target.name} does not exist"
                raise Permanent(message)
            taken = self._ec2.describe_snapshots(
                OwnerIds=["self"],
                Filters=[
                    {"Name": "volume-id", "Values": [target.name]},
                    {"Name": "tag-key", "Values": [NUMBER]},
                ],
            )
        return live_volume(answer["Volumes"][0], taken["Snapshots"])

    def dry_run(self, step: PlannedStep) -> None:
        self._checked(step)
        _would_work(lambda: self._ec2.create_snapshot(VolumeId=step.target.name, DryRun=True))

    def call(self, step: PlannedStep, *, token: str) -> str:
        self._checked(step)
        tags = [
            {"Key": NUMBER, "Value": str(step.params["number"])},
            {"Key": "watchkeeper-plan", "Value": token.partition(":")[0][:16]},
        ]
        with calling(writes=True):
            answer = self._ec2.create_snapshot(
                VolumeId=step.target.name,
                Description="Evidence, taken by Watchkeeper",
                TagSpecifications=[{"ResourceType": "snapshot", "Tags": tags}],
            )
        return f"snapshot {answer['SnapshotId']} of {step.target.name} is being taken"

    def _checked(self, step: PlannedStep) -> None:
        live = self.read(step.target)
        check_same(live, step.target)
        check_accepted(SNAPSHOT, live, step)


def _groups(step: PlannedStep) -> list[str]:
    return str(step.params["groups"]).split(",")


def _places(rule: Mapping[str, Any]) -> list[str]:
    fourth = [one["CidrIp"] for one in rule.get("IpRanges", [])]
    return fourth + [one["CidrIpv6"] for one in rule.get("Ipv6Ranges", [])]


def _would_work(ask: Any) -> None:
    """Ask with DryRun: EC2 answers every such call with an error, and a certain one means yes."""
    try:
        ask()
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == _WOULD_WORK:
            return
        with calling(writes=False):
            raise
    message = "the endpoint ignored DryRun, so that nothing more is asked of it"
    raise Undecided(message)
