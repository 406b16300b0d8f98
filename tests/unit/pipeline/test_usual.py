"""Alerts that fire on any day: one quiet incident, every alert counted, and never what is new, critical or several."""

import json
from dataclasses import replace
from datetime import UTC, datetime

from bot.adapters.store.sql import SqlStore
from bot.domain.everyday import DAY_S, HOUR_S, Everyday
from bot.domain.incident import Severity
from bot.pipeline.correlate import Correlation, correlate
from bot.pipeline.resolve import resolve_quiet
from bot.pipeline.usual import Usual, remembered
from tests.unit.pipeline.test_correlate import NOW, FixedClock, alert, incidents, parts_of, post


def learned() -> Usual:
    """Three days in which one alert fired every hour."""
    everyday = Everyday()
    for hour in range(72, 0, -1):
        everyday.surprise("s05\0DiskFull", NOW - hour * HOUR_S)
    return Usual(everyday)


def at(moment: float, service: str, name: str, severity: str = "warning") -> dict[str, object]:
    begun = datetime.fromtimestamp(moment - 5, UTC).isoformat()
    return {**alert(service, name, severity=severity), "startsAt": begun}


def play(parts: Correlation, store: SqlStore, moment: float, *alerts: dict[str, object]) -> int:
    post(store, alerts)
    return len(correlate(replace(parts, clock=FixedClock(moment))).tasks)


def test_an_everyday_alert_is_kept_in_one_quiet_incident(store: SqlStore) -> None:
    parts = replace(parts_of(store), usual=learned())
    assert play(parts, store, NOW, at(NOW, "s05", "DiskFull")) == 0
    (quiet,) = incidents(store)
    assert (quiet.title, quiet.severity, quiet.alerts_total) == ("Everyday alerts", Severity.SEV4, 1)
    assert play(parts, store, NOW + 60, {**at(NOW, "s05", "DiskFull"), "status": "resolved"}) == 0
    later = NOW + HOUR_S
    assert play(parts, store, later, at(later, "s05", "DiskFull")) == 0
    (quiet,) = incidents(store)
    assert (quiet.alerts_total, quiet.alerts_firing) == (2, 1)
    assert resolve_quiet(store, now=later + 999, after_s=1) == []
    tomorrow = later + DAY_S
    play(parts, store, tomorrow - 60, {**at(later, "s05", "DiskFull"), "status": "resolved"})
    assert play(parts, store, tomorrow, at(tomorrow, "s05", "DiskFull")) == 0
    assert [one.state.open for one in incidents(store)] == [True, False]


def test_what_is_new_critical_or_unlearned_opens_an_incident(store: SqlStore) -> None:
    parts = replace(parts_of(store), usual=learned())
    assert play(parts, store, NOW, at(NOW, "s05", "NeverSeen")) == 1
    assert play(parts, store, NOW, at(NOW, "s09", "DiskFull", "critical")) == 1
    fresh = replace(parts, usual=Usual())
    assert play(fresh, store, NOW, at(NOW, "s08", "DiskFull")) == 1


def test_an_everyday_alert_beside_something_new_goes_with_it(store: SqlStore) -> None:
    parts = replace(parts_of(store), usual=learned())
    assert play(parts, store, NOW, at(NOW, "s05", "DiskFull"), at(NOW, "s02", "NeverSeen")) == 1
    (found,) = incidents(store)
    assert sorted(found.services or {}) == ["s02", "s05"]


def test_what_was_learned_outlives_the_process(store: SqlStore) -> None:
    usual = learned()
    store.transact(lambda tx: usual.keep(tx, NOW))
    again = store.read(remembered)
    assert json.dumps(again.everyday.snapshot()) == json.dumps(usual.everyday.snapshot())
    assert again.everyday.learned_days(NOW) == usual.everyday.learned_days(NOW)
    assert again.everyday.surprise("s05\0DiskFull", NOW) == 0.0
