"""The post-mortem says when it was, what was measured and how sure the cause is, with the events that it rests on."""

from dataclasses import replace

import pytest

from bot.domain.event import Event, EventType
from bot.domain.evidence import Conclusion
from bot.domain.incident import Incident, IncidentState, TimelineEntry
from bot.domain.postmortem import draft
from tests.unit.blocks.samples import FOUND, OPENED_MS

RANKED = Event("main", "inc-1", 7, EventType.HYPOTHESES_RANKED, OPENED_MS, {}, b"", b"")
DAY_MS = 86_400_000


def concluded(conclusion: Conclusion, planned_event: str = "") -> Incident:
    assert FOUND.diagnosis is not None
    diagnosis = replace(FOUND.diagnosis, conclusion=conclusion)
    return replace(FOUND, diagnosis=diagnosis, planned_event=planned_event)


def test_impact_is_said_with_its_event() -> None:
    told = draft(FOUND, [RANKED])
    assert (
        "By what was measured: SEV2, 12 % of users' requests fail; it hurt orders-api, checkout [#7]." in told
    )


@pytest.mark.parametrize(
    ("conclusion", "said"),
    [
        (Conclusion.CAUSE_FOUND, "Cause: orders-api"),
        (Conclusion.NOT_CONFIDENT, "No cause was established; the best guess was orders-api"),
        (Conclusion.EXPECTED_LOAD, "The load was expected and nothing was broken [#7]."),
        (Conclusion.NO_INCIDENT, "Nothing was outside its normal range when it was looked into [#7]."),
    ],
)
def test_a_guess_is_no_cause(conclusion: Conclusion, said: str) -> None:
    told = draft(concluded(conclusion), [RANKED])
    assert f"\n{said}" in told
    assert ("\nCause: " in told) is (conclusion is Conclusion.CAUSE_FOUND)


def test_a_planned_event_hides_no_cause() -> None:
    told = draft(concluded(Conclusion.CAUSE_FOUND, "Spring sale"), [RANKED])
    assert "planned event *Spring sale*" in told
    assert "\nCause: orders-api" in told


def test_it_names_its_day_and_whether_it_is_over() -> None:
    told = draft(replace(FOUND, state=IncidentState.INVESTIGATING), [RANKED])
    assert "incident of 2026-09-21 14:13 UTC, still open" in told
    over = replace(
        FOUND,
        state=IncidentState.RESOLVED,
        resolved_ms=OPENED_MS + 2 * DAY_MS,
        timeline=(
            TimelineEntry(1, OPENED_MS, "It began.", ""),
            TimelineEntry(2, OPENED_MS + DAY_MS, "It went on.", ""),
        ),
    )
    told = draft(over, [RANKED])
    assert "open for 48 h 0 min" in told
    assert "- 09-22 14:13:20 It went on." in told
