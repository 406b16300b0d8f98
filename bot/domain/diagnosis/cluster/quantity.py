"""Kubernetes quantities ("250m", "64Mi", "2") as numbers in base units: cores, bytes, counts."""

import re

_UNITS = {
    "": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9,
    "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50,
}  # fmt: skip
_QUANTITY = re.compile(r"^([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([a-zA-Z]{0,2})$")


def quantity(text: object) -> float:
    """The number that a quantity means; 0 for what is none."""
    match = _QUANTITY.match(str(text).strip())
    if match is None or match[2] not in _UNITS:
        return 0.0
    try:
        return float(match[1]) * _UNITS[match[2]]
    except ValueError:
        return 0.0
