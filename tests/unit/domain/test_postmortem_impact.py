"""The post-mortem says what the classification measured, with the event that it rests on."""

from bot.domain.event import Event, EventType
from bot.domain.postmortem import draft
from tests.unit.blocks.samples import FOUND, OPENED_MS


def test_impact_is_said_with_its_event() -> None:
    ranked = Event("main", "inc-1", 7, EventType.HYPOTHESES_RANKED, OPENED_MS, {}, b"", b"")
    told = draft(FOUND, [ranked])
    assert (
        "By what was measured: SEV2, 12 % of users' requests fail; it hurt orders-api, checkout [#7]." in told
    )
