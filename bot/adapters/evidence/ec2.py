"""Inventory of EC2: instances that carry the tag `service`, and the EBS volumes attached to them."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from bot.adapters.evidence._aws_reader import build_reader, reading
from bot.domain.catalogue import NAME
from bot.domain.live_instance import NUMBER, ROLE, SERVICE, live_instance, live_volume, tags_of
from bot.domain.plan import Target
from bot.settings import Settings

_INSTANCE, _VOLUME = "ec2.instance", "ebs.volume"
_THERE = {"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]}
_MOST = 100
Found = list[tuple[Target, Mapping[str, str]]]


class Ec2:
    """`bot.ports.Inventory` over one region; `quarantine` is {VPC: group}, `protected` are instance ids."""

    kinds: tuple[str, ...] = (_INSTANCE, _VOLUME)

    def __init__(
        self, ec2: Any, region: str, quarantine: Mapping[str, str], protected: Collection[str]
    ) -> None:
        self._ec2 = ec2
        self._region = region
        self._quarantine = quarantine
        self._protected = protected

    def find(self, kind: str, service: str) -> Found:
        """Instances or volumes of that service; raises Retryable or Permanent when AWS cannot be read."""
        # A service's name comes from telemetry, so that only a plain one may become part of a filter.
        if not re.fullmatch(NAME, service):
            return []
        return self._of(kind, SERVICE, service)

    def declared(self, kind: str, role: str) -> Found:
        """Those with the tag `watchkeeper-role`; raises like `find`."""
        return self._of(kind, ROLE, role)

    def _of(self, kind: str, tag: str, value: str) -> Found:
        if kind not in self.kinds:
            return []
        instances = self._instances(tag, value)
        if kind == _VOLUME:
            return self._volumes(instances)
        return [
            (
                Target(_INSTANCE, one["InstanceId"], self._region, one["InstanceId"], _service_of(one)),
                live_instance(one, self._quarantine, self._protected),
            )
            for one in instances
        ]

    def _instances(self, tag: str, value: str) -> list[Mapping[str, Any]]:
        with reading():
            answer = self._ec2.describe_instances(
                Filters=[{"Name": f"tag:{tag}", "Values": [value]}, _THERE], MaxResults=_MOST
            )
        return [one for group in answer["Reservations"] for one in group["Instances"] if _service_of(one)]

    def _volumes(self, instances: Sequence[Mapping[str, Any]]) -> Found:
        owners = {
            mapping["Ebs"]["VolumeId"]: _service_of(one)
            for one in instances
            for mapping in one.get("BlockDeviceMappings", [])
            if "Ebs" in mapping
        }
        if not owners:
            return []
        with reading():
            volumes = self._ec2.describe_volumes(VolumeIds=sorted(owners))["Volumes"]
            taken = self._ec2.describe_snapshots(
                OwnerIds=["self"],
                Filters=[
                    {"Name": "volume-id", "Values": sorted(owners)},
                    {"Name": "tag-key", "Values": [NUMBER]},
                ],
            )["Snapshots"]
        return [
            (
                Target(_VOLUME, one["VolumeId"], self._region, one["VolumeId"], owners[one["VolumeId"]]),
                live_volume(one, [shot for shot in taken if shot["VolumeId"] == one["VolumeId"]]),
            )
            for one in volumes
        ]


def _service_of(instance: Mapping[str, Any]) -> str:
    return tags_of(instance).get(SERVICE, "")


def build(settings: Settings) -> Ec2:
    """The reader that the settings describe; raises Permanent naming what is missing."""
    reader = build_reader(settings)
    return Ec2(
        reader.of("ec2"), settings.aws_region, settings.quarantine_groups, settings.protected_instances
    )
