"""find_targets: the live objects that a playbook's target inputs name, each by an exact look-up in the inventory.

Names from evidence only choose among what the inventory lists; a name that it does not list is nothing.
"""

from collections.abc import Iterator, Mapping, Sequence

from bot.domain.errors import Refused
from bot.domain.evidence import Diagnosis, EvidenceRole
from bot.domain.plan import Target
from bot.domain.playbook import Input, Playbook
from bot.ports import Inventory

_FELT = (EvidenceRole.CAUSE, EvidenceRole.MECHANISM, EvidenceRole.SYMPTOM)
Live = tuple[Target, Mapping[str, str]]


def find_targets(
    playbook: Playbook, diagnosis: Diagnosis, inventories: Sequence[Inventory]
) -> dict[str, list[Live]]:
    """Targets per target input, with their live fields; raises Refused where there are none or too many."""
    return {item.name: _found(item, diagnosis, inventories) for item in playbook.targets}


def _found(item: Input, diagnosis: Diagnosis, inventories: Sequence[Inventory]) -> list[Live]:
    suspect = diagnosis.hypotheses[0].service
    place, _, rest = item.source.partition(".")
    if place == "declared":
        found, whose = _declared(item.type, rest, inventories), f"with the role {rest}"
    elif rest == "affected":
        found, whose = _affected(item.type, suspect, diagnosis, inventories), f"that {suspect} struck"
    else:
        found, whose = _of(item.type, suspect, inventories), f"of {suspect}"
    if rest == "instances":
        named = _instances(diagnosis, suspect)
        found, whose = [one for one in found if one[0].name in named], f"of {suspect} in the evidence"
    if 1 <= len(found) <= item.most:
        return found
    how = "No" if not found else f"Not {_most(item.most)} but {len(found)}"
    message = f"{how} {item.type} {whose} in the live inventory."
    raise Refused(message, rule="target")


def _most(number: int) -> str:
    return "one" if number == 1 else f"at most {number}"


def _of(kind: str, service: str, inventories: Sequence[Inventory]) -> list[Live]:
    return [
        one
        for inventory in _with(kind, inventories)
        for one in inventory.find(kind, service)
        if one[0].service == service and one[0].kind == kind
    ]


def _affected(kind: str, suspect: str, diagnosis: Diagnosis, inventories: Sequence[Inventory]) -> list[Live]:
    felt = [item.service for item in diagnosis.evidence if item.role in _FELT and item.service != suspect]
    return [one for service in dict.fromkeys(felt) if service for one in _of(kind, service, inventories)]


def _declared(kind: str, role: str, inventories: Sequence[Inventory]) -> list[Live]:
    found = [one for inventory in _with(kind, inventories) for one in inventory.declared(kind, role)]
    return [one for one in found if one[0].kind == kind]


def _with(kind: str, inventories: Sequence[Inventory]) -> Iterator[Inventory]:
    return (inventory for inventory in inventories if kind in inventory.kinds)


def _instances(diagnosis: Diagnosis, suspect: str) -> set[str]:
    """Names of single instances, such as pods, that the suspect's own evidence carries."""
    values = [item.value.get("instance") for item in diagnosis.evidence if item.service == suspect]
    return {value for value in values if isinstance(value, str)}
