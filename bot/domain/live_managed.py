"""Live fields of an instance that SSM manages: the two registered documents and when each was last run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

GC, KILL = "jvm-gc", "kill-queries"
FIELDS = {GC: "gc", KILL: "kill"}


@dataclass(frozen=True, slots=True)
class Runs:
    """Unix seconds at which a document was last sent to the instance, and was last sent and then succeeded; 0 = never."""

    sent_at: int = 0
    done_at: int = 0


def live_managed(
    information: Mapping[str, Any], documents: Mapping[str, str], runs: Mapping[str, Runs]
) -> dict[str, str]:
    """The fields that `domain/actions` names for ssm.instance; a document that is not registered has none."""
    live = {
        "uid": str(information["InstanceId"]),
        "ping": str(information["PingStatus"]),
        "platform": str(information.get("PlatformType", "")),
    }
    for purpose, field in FIELDS.items():
        if purpose in documents:
            ran = runs.get(purpose, Runs())
            live[f"{field}_document"] = documents[purpose]
            live[f"{field}_sent_at"] = str(ran.sent_at)
            live[f"{field}_done_at"] = str(ran.done_at)
    return live
