"""Views that should change nothing change nothing: the lead and how far it leads stay, whatever the names, order and scale."""

import pytest

from bot.domain.diagnosis.engine import diagnose
from bot.domain.telemetry import Signal
from tests.bench.diagnose.views import HARMLESS, Renamed
from tests.unit.domain.incidents import CALM, alerts, system, telemetry

SLOW = {
    ("store", Signal.LATENCY): (CALM[Signal.LATENCY], 1.5),
    ("cart", Signal.LATENCY): (CALM[Signal.LATENCY], 1.6),
    ("stock", Signal.LATENCY): (CALM[Signal.LATENCY], 1.6),
    ("api", Signal.LATENCY): (CALM[Signal.LATENCY], 1.7),
    ("front", Signal.LATENCY): (CALM[Signal.LATENCY], 1.8),
}


@pytest.mark.parametrize("view", HARMLESS)
def test_a_harmless_view_leaves_the_cause(view: str) -> None:
    told = telemetry(series=system(SLOW), alerts=alerts("front", "api"))
    lens = HARMLESS[view]()
    found = [one.service for one in diagnose(lens(told)).hypotheses]
    back = lens.back if isinstance(lens, Renamed) else {}
    assert diagnose(told).hypotheses[0].service == "store"
    assert back.get(found[0], found[0]) == "store"
