"""Patches as one argument of `kubectl patch`: compact ASCII JSON over identifiers, constants and bounded numbers.

Each names the uid of the object that it was made for, so that the server itself refuses a recreated namesake.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from bot.domain.plan import Target

# The label by which operators give an object a role; playbooks name it as `declared.ROLE`.
ROLE_LABEL = "watchkeeper-role"
PROTECTED = "protected"


def merge_patch(
    target: Target, what: str, change: Mapping[str, Any], *, namespaced: bool = True
) -> tuple[str, ...]:
    """The command that merges `change` into the object TYPE/NAME, which lies in a namespace or in none."""
    patch = {**change, "metadata": {**change.get("metadata", {}), "uid": target.uid}}
    command = _command(target, what, patch, "merge")
    return command if namespaced else (command[0], *command[2:])


def json_patch(target: Target, what: str, operations: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The command that applies JSON patch operations; the first one tests the uid."""
    test = {"op": "test", "path": "/metadata/uid", "value": target.uid}
    return _command(target, what, [test, *operations], "json")


def _command(target: Target, what: str, patch: Any, kind: str) -> tuple[str, ...]:
    text = json.dumps(patch, sort_keys=True, separators=(",", ":"))
    return (
        "kubectl",
        f"--namespace={target.scope}",
        "patch",
        f"--type={kind}",
        f"--patch={text}",
        "--",
        what,
    )
