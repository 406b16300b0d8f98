"""What can be said of an action without a live target: an example of its command, what it counts, whether it goes back.

Pure readings of the catalogue, for the documentation and for checks over all actions.
"""

import re
from collections.abc import Mapping

from bot.domain.actions.table import LIVE_FIELDS
from bot.domain.catalogue import Action, Param
from bot.domain.plan import Target

_EXAMPLE = 2


def sample_live(action: Action) -> dict[str, str]:
    """Live fields of the right names; "1" reads as a number, an identifier and a truth value."""
    return dict.fromkeys(("uid", *sorted(LIVE_FIELDS[action.target_kind])), "1")


def sample_params(action: Action) -> dict[str, str | int]:
    """Parameters of the right types: small numbers, and names in capitals."""
    return {name: _value(name, param) for name, param in action.params.items()}


def example_target(action: Action) -> Target:
    """A target whose names say what stands there."""
    return Target(action.target_kind, "NAME", "SCOPE", "UID", "SERVICE")


def example_command(action: Action) -> tuple[str, ...]:
    """The command with example values."""
    return action.command(example_target(action), sample_params(action))


def units(action: Action) -> tuple[str, ...]:
    """What its blast radius is counted in."""
    return tuple(action.blast_radius(sample_live(action), sample_params(action)))


def way_back(action: Action) -> Mapping[str, str | int] | None:
    """The parameters of its inverse for the sample, or None where it has none."""
    return {} if action.nothing_to_undo else action.inverse(sample_live(action), sample_params(action))


def fields_set(action: Action) -> tuple[str, ...]:
    """The live fields that it sets."""
    return tuple(action.sets(sample_params(action)))


def _value(name: str, param: Param) -> str | int:
    if param.kind == "integer":
        return min(max(param.minimum, _EXAMPLE), param.maximum)
    # A number that is an identifier of the inventory, such as a time, is a name of digits alone.
    digits = re.fullmatch(param.pattern, str(_EXAMPLE)) and not re.fullmatch(param.pattern, "a")
    return str(_EXAMPLE) if digits else name.upper()
