"""The Alert: one firing or resolved statement of a monitoring system, in our own words.

Adapters in `adapters/monitoring` build it; its fingerprint is what dedupe and resolve go by.
"""

import hashlib
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import lru_cache
from operator import itemgetter
from types import MappingProxyType
from typing import NamedTuple

from bot.domain.trust import Trust


class AlertStatus(StrEnum):
    """Whether the sender says that the condition holds."""

    FIRING = "firing"
    RESOLVED = "resolved"


class AlertSeverity(StrEnum):
    """Severity as the sender sees it, mapped to three levels; unknown words become warning."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


_NO_LABELS: Mapping[str, str] = MappingProxyType({})


class Alert(NamedTuple):
    """One alert. Times are unix seconds UTC; `service` is an empty string where the sender names none.

    A named tuple, as a storm makes tens of thousands and a frozen dataclass costs five times as much to make.
    """

    fingerprint: str
    source: str
    name: str
    status: AlertStatus
    severity: AlertSeverity
    service: str
    summary: str
    starts_at: float
    received_at: float
    ends_at: float | None = None
    labels: Mapping[str, str] = _NO_LABELS
    link: str = ""
    trust: Trust = Trust.WORKLOAD


def is_critical(alert: Alert) -> bool:
    """Whether its sender calls it critical."""
    return alert.severity is AlertSeverity.CRITICAL


def fingerprint_of(source: str, labels: Mapping[str, str]) -> str:
    """Stable identity of an alert: BLAKE2b-64 over the source name and its sorted label pairs, hexadecimal."""
    form, values = _form_of(tuple(labels))
    named = (source + form % values(labels)).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(named, digest_size=8).hexdigest()


# Hardly any two alerts of one rule differ in the names of their labels.
@lru_cache(maxsize=1024)
def _form_of(names: tuple[str, ...]) -> tuple[str, Callable[[Mapping[str, str]], tuple[str, ...]]]:
    """The text that is hashed, with a gap for each value, and what takes the values in the order of the gaps."""
    ordered = sorted(names)
    form = "".join(f"\x00{name}\x01".replace("%", "%%") + "%s" for name in ordered)
    if len(ordered) > 1:
        return form, itemgetter(*ordered)
    return form, lambda labels: tuple(labels.values())
