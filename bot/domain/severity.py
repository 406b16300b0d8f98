"""How bad an incident is, from its alerts: breadth and the senders' own words. Never lowered by counting."""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.domain.incident import Severity

_WIDE_SERVICES = 5
_SEVERAL_SERVICES = 3
_MANY_ALERTS = 200


@dataclass(frozen=True, slots=True)
class Judged:
    """A severity with its reason in one sentence."""

    severity: Severity
    reason: str


def judge(critical_by_service: Mapping[str, int], services: int, alerts: int) -> Judged:
    """Judge by how many services have critical alerts, and how many alert at all."""
    critical = sum(1 for count in critical_by_service.values() if count)
    if critical >= _WIDE_SERVICES and alerts >= _MANY_ALERTS:
        return Judged(Severity.SEV1, f"critical alerts on {critical} services, {alerts} alerts in all")
    if critical >= _SEVERAL_SERVICES:
        return Judged(Severity.SEV2, f"critical alerts on {critical} services")
    if critical or services >= _SEVERAL_SERVICES:
        return Judged(Severity.SEV3, f"critical alerts on {critical} of {services} services")
    return Judged(Severity.SEV4, f"no critical alert, {services} services")
