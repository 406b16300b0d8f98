"""Alerts that other apps post in a Slack channel, in the shapes that real ones use."""

import json
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.monitoring.slack import build, build_for
from bot.domain.alert import Alert, AlertSeverity, AlertStatus
from bot.domain.errors import Permanent
from bot.domain.trust import Trust
from bot.settings import Source

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


RULES = r"""
name = "Test: (.+)"
service = "Group: ([a-z0-9-]+)"
resolved = "is back up"
critical = "is down"
ignore = "weekly report"
"""


def test_an_app_may_have_rules_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "app.toml").write_text(RULES)
    parser = build_for(
        {"statuses": Source(kind="slack", mapping=tmp_path / "app.toml"), "plain": Source(kind="slack")}
    )

    def one(text: str, source: str = "statuses") -> Any:
        body = json.dumps({"ts": f"{AT - 1:.6f}", "bot_id": "B1", "text": text}).encode()
        return parser.parse(body, source=source, received_at=AT)

    (down,) = one("The site is down\nTest: front page\nGroup: web").alerts
    (back,) = one("The site is back up\nTest: front page\nGroup: web").alerts
    assert (down.name, down.service, down.severity) == ("front page", "web", AlertSeverity.CRITICAL)
    assert down.fingerprint == back.fingerprint
    assert (down.status, back.status) == (AlertStatus.FIRING, AlertStatus.RESOLVED)
    assert one("Your weekly report").note == "a message that the rules of its app ignore"
    assert one("Your weekly report", "plain").alerts


@pytest.mark.parametrize("rules", ['name = "("', 'nome = "x"', "name = 3", "name =", f'name = "{"x" * 300}"'])
def test_wrong_rules_stop_the_start(rules: str, tmp_path: Path) -> None:
    (tmp_path / "app.toml").write_text(rules)
    with pytest.raises(Permanent, match=r"app\.toml"):
        build_for({"s": Source(kind="slack", mapping=tmp_path / "app.toml")})
