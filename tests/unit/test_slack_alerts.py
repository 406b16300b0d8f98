"""Alerts that other apps post in a Slack channel, in the shapes that real ones use."""

import json
from typing import Any

import pytest

from bot.adapters.monitoring.slack import build
from bot.domain.alert import Alert, AlertSeverity, AlertStatus
from bot.domain.errors import Permanent
from bot.domain.trust import Trust

AT = 1_790_000_000.0


def parsed(**message: Any) -> list[Alert]:
    body = json.dumps({"ts": f"{AT - 1:.6f}", "bot_id": "B1", **message}).encode()
    return list(build().parse(body, source="grafana", received_at=AT).alerts)


def test_text_only() -> None:
    (alert,) = parsed(text="[FIRING:2] HighErrorRate critical\nservice: checkout-api is failing")
    assert (alert.name, alert.service) == (
        "HighErrorRate critical service: checkout-api is failing",
        "checkout-api",
    )
    assert (alert.status, alert.severity) == (AlertStatus.FIRING, AlertSeverity.CRITICAL)
    assert (alert.starts_at, alert.source, alert.trust) == (AT - 1, "grafana", Trust.WORKLOAD)


def test_attachment_with_colour_and_fields() -> None:
    attachment = {
        "title": "[Triggered] p95 latency", "title_link": "https://example.com/x", "text": "above 2 s", "color": "danger",
        "fields": [{"title": "Service", "value": "cart"}, {"title": "Region", "value": "eu"}],
    }  # fmt: skip
    (alert,) = parsed(text="", attachments=[attachment])
    assert (alert.name, alert.service, alert.severity) == ("p95 latency", "cart", AlertSeverity.CRITICAL)
    assert alert.link == "", "an address in a message is never followed"


def test_firing_and_resolved_are_the_same_alert() -> None:
    (firing,) = parsed(text=":red_circle: [FIRING:1] DiskFull service=db")
    (resolved,) = parsed(text=":white_check_mark: [RESOLVED] DiskFull service=db")
    assert firing.fingerprint == resolved.fingerprint
    assert resolved.status is AlertStatus.RESOLVED
    assert resolved.ends_at == AT


def test_blocks_are_read_where_there_is_no_text() -> None:
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": "Queue is stuck"}},
        {"type": "divider"},
    ]
    (alert,) = parsed(blocks=blocks)
    assert alert.name == "Queue is stuck"


def test_markup_becomes_words() -> None:
    (alert,) = parsed(text="*<https://example.com/a|High load>* on <@U1> &amp; more &lt;tag&gt;")
    assert alert.name == "High load on @U1 & more <tag>"


def test_a_message_without_words_is_no_alert() -> None:
    assert parsed(text="  ") == []


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"text": "x"}', b'{"ts": "x"}', b'{"ts": 3}', b"\xff", b"[" * 100_000]
)
def test_what_is_no_message_is_refused(body: bytes) -> None:
    with pytest.raises(Permanent, match="not a Slack message"):
        build().parse(body, source="s", received_at=AT)
