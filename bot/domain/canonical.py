"""Canonical JSON: one byte string per value, so that a hash means the same to everybody.

Sorted keys, no spaces, ASCII escapes, no NaN. Plans use it without floats; events may hold finite floats,
and what is stored and verified is the text itself, so no reader ever re-encodes a number.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


def canonical(value: object) -> bytes:
    """Encode JSON-ready data canonically; raises ValueError for NaN or infinity, TypeError for other types."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.encode("ascii")


def digest(value: object) -> str:
    """SHA-256 of the canonical form, in lower-case hexadecimal."""
    return hashlib.sha256(canonical(value)).hexdigest()


def without_floats(value: object) -> bool:
    """Whether a JSON-ready value holds no float anywhere, as a plan must."""
    if isinstance(value, float):
        return False
    if isinstance(value, Mapping):
        return all(without_floats(item) for item in value.values())
    if isinstance(value, list | tuple):
        return all(without_floats(item) for item in value)
    return True
