"""A severity by what people suffer: the diagnosis raises it, says why, and never lowers it in silence."""

from bot.adapters.store.sql import SqlStore
from bot.blocks import card
from bot.blocks.shape import Place
from bot.domain.event import EventType
from bot.domain.incident import Incident, Severity
from bot.domain.records import MessageKind
from bot.domain.telemetry import PlannedEffect, PlannedEvent
from bot.pipeline.grade import grade
from bot.pipeline.planned import matched
from tests.unit.domain.incidents import NOW, ONSET, telemetry
from tests.unit.domain.test_diagnosis import bad_deploy
from tests.unit.pipeline.test_investigate import ID, incident, opened, run

__all__ = ["opened"]


def begun_at(store: SqlStore, severity: Severity) -> None:
    store.transact(lambda tx: grade(tx, ID, severity, reason="as it began", now=NOW))


def raised(store: SqlStore) -> list[tuple[int, str]]:
    events = store.read(lambda tx: tx.events(ID))
    return [(one.body["to"], one.body["reason"]) for one in events if one.type is EventType.SEVERITY_CHANGED][
        1:
    ]


def shown(found: Incident) -> str:
    return str(card.render(found, Place()).blocks)


def test_impact_raises_a_warning_into_a_channel_of_its_own_and_says_why(opened: SqlStore) -> None:
    begun_at(opened, Severity.SEV4)
    run(opened, bad_deploy())
    run(opened, bad_deploy())
    found = incident(opened)
    ((to, why),) = raised(opened)
    assert (found.severity, found.channel_wanted, to) == (Severity.SEV2, True, 2)
    assert why.startswith("by impact: ")
    assert why.endswith("of users' requests fail at front")
    assert f"Raised to SEV2: {why}" in shown(found)
    assert opened.read(lambda tx: tx.message(ID, MessageKind.ANNOUNCEMENT)) is not None


def test_impact_never_lowers(opened: SqlStore) -> None:
    begun_at(opened, Severity.SEV1)
    run(opened, bad_deploy())
    assert (incident(opened).severity, raised(opened)) == (Severity.SEV1, [])


def test_nothing_measured_raises_nothing(opened: SqlStore) -> None:
    begun_at(opened, Severity.SEV3)
    run(opened, telemetry(alerts=bad_deploy().alerts))
    assert raised(opened) == []


def test_a_planned_event_that_took_the_alarm_away_keeps_it_away(opened: SqlStore) -> None:
    begun_at(opened, Severity.SEV4)
    event = PlannedEvent("work", "patch day", ONSET - 600, ONSET + 3600, effect=PlannedEffect.LOWER)
    opened.transact(lambda tx: tx.append(ID, [matched(event)], at_ms=round(NOW * 1000)))
    run(opened, bad_deploy())
    assert raised(opened) == []
