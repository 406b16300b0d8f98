"""Reading what SSM ran on one instance; shared by the inventory and the executor, and holds no call that changes anything.

AWS's errors leave as they are, each side has its own words for them.
"""

from collections.abc import Mapping
from typing import Any

from bot.domain.live_managed import FIELDS, Runs, live_managed

KIND = "ssm.instance"
_MOST = 10


class SsmLook:
    """Reads through one client; `documents` is {purpose: name of the registered document}."""

    def __init__(self, ssm: Any, documents: Mapping[str, str]) -> None:
        self._ssm = ssm
        self._documents = documents

    def managed(self, key: str, value: str) -> list[Mapping[str, Any]]:
        """Instances by InstanceIds or by tag:NAME."""
        answer = self._ssm.describe_instance_information(Filters=[{"Key": key, "Values": [value]}])
        found: list[Mapping[str, Any]] = answer["InstanceInformationList"]
        return found

    def live(self, information: Mapping[str, Any]) -> Mapping[str, str]:
        """The live fields of one of them."""
        instance = str(information["InstanceId"])
        runs = {
            purpose: self._runs(instance, self._documents[purpose])
            for purpose in FIELDS
            if purpose in self._documents
        }
        return live_managed(information, self._documents, runs)

    def _runs(self, instance: str, document: str) -> Runs:
        commands = self._ssm.list_commands(
            InstanceId=instance, Filters=[{"key": "DocumentName", "value": document}], MaxResults=_MOST
        )["Commands"]
        newest = sorted(commands, key=lambda one: one["RequestedDateTime"], reverse=True)
        sent = [int(one["RequestedDateTime"].timestamp()) for one in newest]
        done = next(
            (at for at, one in zip(sent, newest, strict=True) if self._worked(instance, one["CommandId"])), 0
        )
        return Runs(max(sent, default=0), done)

    def _worked(self, instance: str, command: str) -> bool:
        """Whether the invocation on this very instance ended well; the command's own status speaks of all of them."""
        answer = self._ssm.get_command_invocation(CommandId=command, InstanceId=instance)
        return bool(answer["Status"] == "Success" and answer.get("ResponseCode", -1) == 0)
