"""Live fields of an SSM parameter. Its value is no live field: only which versions hold the value that is live."""

from collections.abc import Mapping, Sequence
from typing import Any


def live_parameter(described: Mapping[str, Any]) -> dict[str, str]:
    """The fields of DescribeParameters' answer, which holds no value; raises KeyError for one that is none."""
    changed = described.get("LastModifiedDate")
    return {
        "uid": str(described.get("ARN") or described["Name"]),
        "version": str(described["Version"]),
        "type": str(described["Type"]),
        "changed_at": str(int(changed.timestamp())) if changed else "0",
    }


def holds(version: int) -> str:
    """Name of the live field that is `yes` where that version holds the very value that is live."""
    return f"holds_{version}"


def held(history: Sequence[Mapping[str, Any]], version: int) -> dict[str, str]:
    """Those fields, from the parameter's whole history; empty where the live version is not in it."""
    live = next((one.get("Value") for one in history if one["Version"] == version), None)
    return {holds(one["Version"]): "yes" for one in history if live is not None and one["Value"] == live}
