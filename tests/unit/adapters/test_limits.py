"""The limits that every alert parser keeps, and times that no host's zone may bend."""

import json
from typing import Any

import pytest

from bot.adapters.monitoring import alertmanager, slack
from bot.domain.alert import Alert
from bot.domain.errors import Permanent


def parsed(starts: str = "2026-05-04T03:10:00Z", **labels: str) -> Alert:
    item: dict[str, Any] = {"status": "firing", "labels": labels, "startsAt": starts}
    body = json.dumps({"version": "4", "alerts": [item]}).encode()
    (alert,) = alertmanager.build().parse(body, source="prod", received_at=1.0).alerts
    return alert


def test_a_time_without_a_zone_is_utc_even_in_year_one() -> None:
    assert parsed("2026-05-04T03:10:00").starts_at == parsed().starts_at
    assert parsed("0001-01-01T00:00:00").starts_at == parsed("0001-01-01T00:00:00Z").starts_at


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({f"l{at}": "v" for at in range(501)}, "501 labels"),
        ({"service": "s" * 501}, "name or its service"),
        ({"note": "n" * 20_000}, "a label is longer"),
        ({"note": "a\x00b"}, "NUL"),
    ],
)
def test_an_alert_over_a_limit_is_refused_by_its_name(labels: dict[str, str], said: str) -> None:
    with pytest.raises(Permanent, match=said):
        parsed(**labels)


def test_the_words_of_a_backslash_and_zeros_are_no_nul() -> None:
    assert parsed(note="\\u0000").labels["note"] == "\\u0000"


@pytest.mark.parametrize("ts", ["nan", "-inf"])
def test_a_slack_message_from_no_point_in_time_is_refused(ts: str) -> None:
    with pytest.raises(Permanent, match="no point in time"):
        slack.build().parse(json.dumps({"ts": ts, "text": "down"}).encode(), source="chat", received_at=1.0)
