"""Maintenance and planned events: quiet while they last, seen on the card, and what is still broken fires afterwards."""

import json
from dataclasses import replace

import pytest

from bot.adapters.store.sql import SqlStore
from bot.blocks import card
from bot.blocks.shape import Place
from bot.domain.event_words import event_from
from bot.domain.incident import Incident, Severity
from bot.domain.telemetry import PlannedEffect, PlannedEvent
from bot.pipeline.correlate import correlate
from bot.pipeline.planned import end_events
from tests.unit.pipeline.test_correlate import NOW, FixedClock, alert, incidents, parts_of, post

WINDOW = PlannedEvent(
    "w1",
    "Switch upgrade",
    NOW - 600,
    NOW + 600,
    ("s01", "s03", "s04"),
    "U1",
    NOW - 900,
    PlannedEffect.SUPPRESS,
)


def the_one(store: SqlStore) -> Incident:
    (found,) = incidents(store)
    return found


@pytest.mark.parametrize("effect", [PlannedEffect.SUPPRESS, PlannedEffect.LOWER])
def test_alerts_inside_are_quiet_and_seen_and_fire_when_it_is_over(
    store: SqlStore, effect: PlannedEffect
) -> None:
    store.transact(lambda tx: tx.add_planned_event(replace(WINDOW, effect=effect)))
    post(store, [alert("s01"), alert("s03"), alert("s04")])
    tasks = correlate(parts_of(store)).tasks
    assert len(tasks) == (effect is PlannedEffect.LOWER), "maintenance is not looked into"
    quiet = the_one(store)
    assert (quiet.severity, quiet.planned_event, quiet.alerts_total) == (Severity.SEV4, "Switch upgrade", 3)
    assert quiet.looked_into is (effect is PlannedEffect.LOWER)
    assert ("only counted" in json.dumps(card.render(quiet, Place()).blocks)) is not quiet.looked_into
    post(store, [alert("s03", pod="2")])
    correlate(parts_of(store))
    assert the_one(store).severity is Severity.SEV4
    assert end_events(store, now=NOW + 599) == []
    post(store, [alert("s03", status="resolved"), alert("s03", status="resolved", pod="2")])
    correlate(parts_of(store))
    (task,) = end_events(store, now=NOW + 601)
    assert store.transact(lambda tx: tx.claim_task(task, now=NOW + 602, lease_s=9)) is not None
    loud = the_one(store)
    assert (loud.severity, loud.planned_event, loud.looked_into) == (Severity.SEV3, "", True)
    assert "is over; 2 alerts still fire" in " ".join(entry.text for entry in loud.timeline)
    assert end_events(store, now=NOW + 700) == [], "once"


def test_what_the_window_does_not_cover_is_as_bad_as_ever(store: SqlStore) -> None:
    store.transact(lambda tx: tx.add_planned_event(WINDOW))
    post(store, [alert("s01"), alert("s00")])
    assert len(correlate(parts_of(store)).tasks) == 1
    assert the_one(store).severity < Severity.SEV4


def test_an_alert_beyond_the_window_raises_the_quiet_incident(store: SqlStore) -> None:
    store.transact(lambda tx: tx.add_planned_event(WINDOW))
    parts = parts_of(store)
    post(store, [alert("s01")])
    correlate(parts)
    assert the_one(store).severity is Severity.SEV4
    post(store, [alert("s00")])
    correlate(parts)
    assert the_one(store).severity is Severity.SEV3


def test_an_event_that_only_explains_changes_no_severity(store: SqlStore) -> None:
    store.transact(lambda tx: tx.add_planned_event(replace(WINDOW, effect=PlannedEffect.EXPLAIN)))
    post(store, [alert("s01")])
    parts = replace(parts_of(store), clock=FixedClock(NOW))
    assert len(correlate(parts).tasks) == 1
    assert the_one(store).severity is Severity.SEV3


def test_words_say_what_an_event_does() -> None:
    said = [
        event_from(f'{verb} "x" 09:00-10:00 cart', now=NOW).effect for verb in ("add", "lower", "maintenance")
    ]
    assert said == [PlannedEffect.EXPLAIN, PlannedEffect.LOWER, PlannedEffect.SUPPRESS]
