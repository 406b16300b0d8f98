"""What the name of a managed database's instance class tells: processors, memory, and the usual session ceiling."""

import re
from dataclasses import dataclass

_GIB = 2**30
# Memory per virtual processor by the family's letter, in GiB; burstable classes have a table of their own.
_PER_CPU = {"r": 8, "m": 4, "c": 2, "x": 16, "z": 8}
_SMALL = {"micro": (2, 1), "small": (2, 2), "medium": (2, 4)}
# The engines' default formulas: bytes of memory per session, and the most.
_SESSION_BYTES = {"postgres": (9_531_392, 5000), "mysql": (12_582_880, 16_000)}


@dataclass(frozen=True, slots=True)
class Size:
    """Virtual processors and bytes of memory."""

    cpus: int
    memory_bytes: float


def size_of(instance_class: str) -> Size | None:
    """The size that a class such as db.r6g.2xlarge stands for; None for a name that says nothing."""
    found = re.fullmatch(r"(?:db\.)?([a-z])\w*?\.(\d*)(micro|small|medium|large|xlarge)", instance_class)
    if found is None:
        return None
    family, times, word = found.groups()
    if word in _SMALL:
        cpus, gib = _SMALL[word]
        return Size(cpus, gib * _GIB)
    cpus = 2 if word == "large" else 4 * int(times or 1)
    per_cpu = 4 if family == "t" else _PER_CPU.get(family, 4)
    return Size(cpus, cpus * per_cpu * _GIB)


def usual_ceiling(engine: str, instance_class: str) -> int | None:
    """How many sessions the engine's default setting admits on that class, at most; None for an unknown engine."""
    known = next((figures for name, figures in _SESSION_BYTES.items() if name in engine.lower()), None)
    if known is None:
        return None
    bytes_each, most = known
    size = size_of(instance_class)
    return most if size is None else min(most, int(size.memory_bytes / bytes_each))
