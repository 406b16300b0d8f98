"""Other people's words in every field: nothing in a message of ours may mention, link or unfurl because of them."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.blocks.text import inert, line, plain, safe
from bot.blocks.validate import rendered_faults
from tests.unit.blocks import samples
from tests.unit.blocks.test_messages import PLACE, RENDERERS

OWN = (
    "<!channel> everybody look",
    "<!here|here> now",
    "<!everyone>",
    "@channel @here @everyone",
    "<@U0ATTACKER> approved this",
    "<#C0ATTACKER|alerts>",
    "<!subteam^S0ATTACKER|@leads>",
    "<https://evil.example/?q=secret|Runbook>",
    "https://evil.example/collect?d=1",
    "HTTPS://EVIL.EXAMPLE",
    "www.evil.example",
    "mailto:a@evil.example",
    "slack://user?team=T1&id=U1",
    "[Runbook](https://evil.example/x)",
    "![x](https://evil.example/p.png)",
    "<javascript:alert(1)|x>",
    "<!date^0^{date}^https://evil.example|x>",
    "&lt;!channel&gt;",
    "&amp;lt;!channel&amp;gt;",
    "a\x00b\x1b[31mred",
    "\u202egnp.exe \u2066x\u2069 \ufeff \u200b",
    "\ud800 lone surrogate",
    "*bold* `code` ~gone~ ```box```",
    "line one\n> approved by the lead\n*Cause:* none",
    "x" * 20_000,
    "<" * 5000,
    "&" * 5000,
    "",
    "   ",
)
_OURS = re.compile(
    r"<@U0ONCALL[12]>|<#C0INC142>|<!subteam\^S0ONCALL>|<!date\^\d+\^\{[a-z_]+\}( \{time(?:_secs)?\})?\|[^<>|]*UTC>"
)
_LIVE = re.compile(
    r"<[^>\s]|(?i:\b[a-z][a-z0-9+.-]*://)|(?i:\bwww\.\w)|(?i:@(here|channel|everyone)\b)|(?i:\bmailto:\w)"
)


def parsed_strings(value: Any) -> Iterator[str]:
    """Every string that Slack parses: mrkdwn, markdown and top-level text; not raw, plain or rich text."""
    if isinstance(value, dict):
        if value.get("type") in ("mrkdwn", "markdown"):
            yield value["text"]
            if value["type"] == "mrkdwn":
                assert value["verbatim"] is True
            return
        for part in value.values():
            yield from parsed_strings(part)
    if isinstance(value, list | tuple):
        for part in value:
            yield from parsed_strings(part)


def live(text: str) -> list[str]:
    return [found.group(0) for found in _LIVE.finditer(_OURS.sub("", text))]


def corpus() -> list[str]:
    folder = os.environ.get("WATCHKEEPER_TEST_DATA")
    if not folder:
        pytest.skip("WATCHKEEPER_TEST_DATA is not set: the recorded injection corpus was NOT tried")
    rows = Path(folder, "injection", "sre_injections_dev.jsonl").read_text().splitlines()
    return [text for row in rows for text in strings(json.loads(row)) if len(text) > 12]


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from strings(part)


def try_all(payloads: list[str]) -> int:
    tried = 0
    for payload in payloads:
        incident = samples.hostile(payload)
        for kind, render in RENDERERS.items():
            message = render(incident, PLACE)
            assert rendered_faults(message) == [], (kind, payload[:80])
            for text in (message.text, *parsed_strings(list(message.blocks))):
                assert live(text) == [], (kind, payload[:80], text[:300])
                tried += 1
            json.dumps(list(message.blocks)).encode("utf-8")
            message.text.encode("utf-8")
    return tried


def test_own_payloads() -> None:
    assert try_all(list(OWN)) > 500


def test_recorded_payloads() -> None:
    payloads = corpus()[:400]
    assert try_all(payloads) > 1000


def test_the_detector_sees_what_it_looks_for() -> None:
    for payload in OWN[:13]:
        assert live(payload), payload


def test_markdown_of_the_post_mortem_is_inert() -> None:
    from bot.blocks.postmortem import inert_markdown

    for payload in OWN:
        text = inert_markdown(f"# Summary\n\n> quoted\n\n- {payload}\n")
        assert live(text) == [], payload
        assert "](" not in text
        assert "> quoted" in text


def test_clean_words_stay_as_they_are() -> None:
    for words in ("orders-api 5xx > 1 %", "p95 of checkout_v2 (eu-west-1)", "naïve café 日本", "ratio: 0.38"):
        assert plain(words, 100) == words
        assert inert(words) == words
    assert safe("a < b & c", 100) == "a &lt; b &amp; c"
    assert line("one\n two\t three", 100) == "one two three"
    assert len(plain("x" * 500, 40)) == 40
