"""What people said once must not make the grouping of every later storm cost its square."""

import pytest

from bot.domain import correlation
from bot.domain.alert import Alert, AlertSeverity, AlertStatus
from bot.domain.correlation import Taught, group_alerts
from bot.domain.topology import Topology
from bot.domain.trust import Trust


def firing(service: str) -> Alert:
    firing, critical = AlertStatus.FIRING, AlertSeverity.CRITICAL
    return Alert(
        service, "prod", "Down", firing, critical, service, "", 1.0, 1.0, 0.0, {}, "", Trust.WORKLOAD
    )


def steps(services: int, taught: Taught, monkeypatch: pytest.MonkeyPatch) -> int:
    """How often the disjoint sets are asked for a root, for a chain that alerts all over."""
    names = [f"s{at:04}" for at in range(services)]
    line = Topology(
        dict(zip(names, ((one,) for one in names[1:]), strict=False)), dict.fromkeys(names, "service"), 0.0
    )
    count = 0
    real = correlation._Union.root

    def counted(union: correlation._Union, key: str) -> str:
        nonlocal count
        count += 1
        return real(union, key)

    with monkeypatch.context() as here:
        here.setattr(correlation._Union, "root", counted)
        (group,) = group_alerts([firing(name) for name in names], [], line, now=2.0, taught=taught)
    assert len(group.by_service) == services
    return count


def test_a_word_about_two_services_costs_a_storm_of_others_next_to_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    apart = Taught(apart=frozenset({("s0003", "elsewhere"), ("here", "there")}))
    assert steps(400, apart, monkeypatch) < 2 * steps(400, Taught(), monkeypatch)
