"""Promise 15: injected text cannot act through the output. Payloads in every foreign field of every message."""

import random
from collections.abc import Callable

import pytest

from bot.blocks import text
from tests.promises.conftest import Tally
from tests.unit.blocks import samples
from tests.unit.blocks.test_hostile_text import OWN, live, parsed_strings
from tests.unit.blocks.test_messages import PLACE, RENDERERS

FULL = 500


def plant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the one escaping function, foreign words reach Slack as they came."""
    monkeypatch.setattr(text, "inert", lambda words: words)
    monkeypatch.setattr(text, "_ESCAPES", {})


def payloads(count: int) -> list[str]:
    """The list of our own, then random joins of its entries with noise between them."""
    seeded = random.Random(15)
    made = [words for words in OWN if len(words) < 1000]
    while len(made) < count:
        noise = "".join(
            chr(seeded.choice((32, 60, 62, 38, 64, 33, 124, 0x200B, 0x202E, 10, 42, 96))) for _ in range(6)
        )
        made.append(noise.join(seeded.sample([words for words in OWN if len(words) < 200], 3)))
    return made[:count]


def test_nothing_foreign_is_live(promise: Callable[[int], Tally]) -> None:
    tally = promise(15)
    for payload in payloads(tally.size(FULL, least=len(OWN))):
        incident = samples.hostile(payload)
        found = [
            alive
            for render in RENDERERS.values()
            for message in [render(incident, PLACE)]
            for said in (message.text, *parsed_strings(list(message.blocks)))
            for alive in live(said)
        ]
        tally.check(not found, f"{payload[:60]!r} leaves {found[:2]} live")
