"""What the network actions run on: instances, groups and volumes of the AWS test server."""

import uuid
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3

from bot.adapters.evidence.ec2 import Ec2
from bot.adapters.executors._aws_call import Clients
from bot.adapters.executors._aws_ec2 import Instances, Volumes
from bot.adapters.executors._surfaces import SurfaceExecutor
from tests.contract.executors.bench import REGION, write_credentials


def client(url: str, service: Any) -> Any:
    """A new client of the test server with rights to everything; making one takes a third of a second."""
    return boto3.Session("x", "x", region_name=REGION).client(service, endpoint_url=url)


# The same client for all tests of a server: only those that are stubbed must have their own.
shared_client = cache(client)


@cache
def own_client(url: str, folder: Path, service: str) -> Any:
    """The executor's own client: one attempt, bounded time, keys from a file."""
    return Clients(write_credentials(folder / "keys"), REGION, url).of(service)


@dataclass
class Network:
    """One VPC with a quarantine group, and instances of a service in two ordinary groups."""

    url: str
    folder: Path
    ec2: Any
    vpc: str
    quarantine: str
    groups: list[str]
    subnet: str

    def instance(self, service: str, **tags: str) -> str:
        made = self.ec2.run_instances(
            ImageId="ami-12c6146b", MinCount=1, MaxCount=1, SubnetId=self.subnet, SecurityGroupIds=self.groups,
            TagSpecifications=[{"ResourceType": "instance", "Tags": _tags({"service": service, **tags})}],
        )  # fmt: skip
        return str(made["Instances"][0]["InstanceId"])

    def executor(self, **given: Any) -> SurfaceExecutor:
        ec2 = own_client(self.url, self.folder, "ec2")
        quarantine = given.get("quarantine", {self.vpc: self.quarantine})
        instances = Instances(ec2, REGION, quarantine, given.get("protected", ()))
        return SurfaceExecutor("aws", (instances, Volumes(ec2, REGION)))

    def inventory(self, **given: Any) -> Ec2:
        quarantine = given.get("quarantine", {self.vpc: self.quarantine})
        return Ec2(self.ec2, REGION, quarantine, given.get("protected", ()))

    def group(self, name: str) -> str:
        """A security group of the VPC that lets nothing through."""
        made = self.ec2.create_security_group(GroupName=name, Description="x", VpcId=self.vpc)["GroupId"]
        [found] = self.ec2.describe_security_groups(GroupIds=[made])["SecurityGroups"]
        self.ec2.revoke_security_group_egress(GroupId=made, IpPermissions=found["IpPermissionsEgress"])
        return str(made)


def _tags(given: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key.replace("_", "-"), "Value": value} for key, value in given.items()]


def network(url: str, folder: Path) -> Network:
    """A fresh VPC."""
    ec2 = shared_client(url, "ec2")
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.1.0.0/24")["Subnet"]["SubnetId"]
    here = Network(url, folder, ec2, vpc, "", [], subnet)
    here.quarantine = here.group(f"quarantine-{uuid.uuid4().hex[:6]}")
    here.groups = [here.group(f"web-{uuid.uuid4().hex[:6]}") for _ in range(2)]
    return here
