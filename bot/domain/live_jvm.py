"""Live fields of a service's JVMs, from the management door's own answers; reader and executor must agree on them."""

from collections.abc import Mapping
from typing import Any

_MIB = 1024 * 1024


def live_jvm(service: str, heap: Mapping[str, Any], started_ms: int, collections: int) -> dict[str, str]:
    """The fields that `domain/actions` names for jvm.service; raises KeyError or ValueError for an answer that is none."""
    used, most = int(heap["used"]), int(heap["max"])
    if most <= 0 or used < 0:
        message = "a heap without a maximum"
        raise ValueError(message)
    return {
        "uid": f"{service}@{started_ms}",
        "heap_used_percent": str(round(100 * used / most)),
        "heap_used_mib": str(used // _MIB),
        "heap_max_mib": str(most // _MIB),
        "collections": str(collections),
        "next_collection": str(collections + 1),
    }
