"""Promise 15: injected text cannot act through the output. Payloads in every foreign field of every message."""

import json
import os
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.adapters.store.sql import SqlStore, open_store
from bot.blocks import notice, postmortem, text
from bot.blocks.shape import Rendered
from bot.local.slackdouble.strict.layout import check_blocks
from bot.settings import Settings
from tests.contract.reasoner.endpoint import Endpoint
from tests.promises.conftest import Tally
from tests.promises.whole_incident import through
from tests.slack.desk import Desk
from tests.unit.blocks import samples
from tests.unit.blocks.test_hostile_text import OWN, live, parsed_strings, strings
from tests.unit.blocks.test_messages import PLACE, RENDERERS

FULL = 500
FULL_INCIDENTS = 20
IN_ONE_INCIDENT = 30
DATA = os.environ.get("WATCHKEEPER_TEST_DATA", "")
# Mentions and channels that the product builds itself from Slack's own ids.
_BUILT = re.compile(r"<@U0ONCALL[12]>|<#[CG][A-Z0-9]+>")


def plant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the one escaping function, foreign words reach Slack as they came."""
    monkeypatch.setattr(text, "inert", lambda words: words)
    monkeypatch.setattr(text, "_ESCAPES", {})


def payloads(count: int) -> list[str]:
    """The list of our own, the recorded ones where there are some, then random joins with noise between them."""
    seeded = random.Random(15)
    made = [words for words in OWN if len(words) < 1000]
    made += [words for words in recorded() if len(words) > 12][:count]
    while len(made) < count:
        noise = "".join(
            chr(seeded.choice((32, 60, 62, 38, 64, 33, 124, 0x200B, 0x202E, 10, 42, 96))) for _ in range(6)
        )
        made.append(noise.join(seeded.sample([words for words in OWN if len(words) < 200], 3)))
    return made[: max(count, len(OWN))]


def recorded() -> Iterator[str]:
    for path in sorted(Path(DATA, "injection").glob("*.jsonl")) if DATA else ():
        for row in path.read_text().splitlines():
            yield from strings(json.loads(row))


def rendered(payload: str) -> dict[str, Rendered]:
    """Every kind of message of an incident in which the payload stands in every foreign field."""
    incident = samples.hostile(payload)
    made = {kind: render(incident, PLACE) for kind, render in RENDERERS.items()}
    made["notice with it"] = notice.render(incident, PLACE, payload)
    made["postmortem with it"] = postmortem.render(
        incident, PLACE, f"# Summary\n\n- {payload} [7]\n> {payload}\n"
    )
    return made


def test_nothing_foreign_is_live(promise: Callable[[int], Tally]) -> None:
    tally = promise(15)
    for payload in payloads(tally.size(FULL, least=len(OWN))):
        found: list[str] = []
        for kind, message in rendered(payload).items():
            for said in (message.text, *parsed_strings(list(message.blocks))):
                found += [f"{kind}: {alive}" for alive in live(said)]
            found += [f"{kind}: {fault}" for fault in check_blocks(list(message.blocks), "message")]
        tally.check(not found, f"{payload[:60]!r} leaves {found[:2]} live")


@pytest.mark.timeout(600)
async def test_nothing_foreign_is_live_in_a_whole_incident(
    promise: Callable[[int], Tally], settings: Callable[..., Settings], endpoint: Endpoint, tmp_path: Path
) -> None:
    """The same words through the product itself: alerts, logs, changes, the model's answer, notes, titles and reasons."""
    tally, seeded = promise(15), random.Random(16)
    known = [
        words for words in payloads(FULL) if words.strip() and "\x00" not in words and "\ud800" not in words
    ]
    for number in range(tally.size(FULL_INCIDENTS)):
        endpoint.requests.clear()
        store = open_store(settings(database_url=f"sqlite:///{tmp_path}/{number}.sqlite3"))
        assert isinstance(store, SqlStore)
        desk = Desk(store)
        await through(desk, seeded.sample(known, IN_ONE_INCIDENT), endpoint, seeded)
        for post in desk.chat.posts:
            said = [post.text, *parsed_strings(list(post.blocks))]
            found = [alive for one in said for alive in live(_BUILT.sub("", one))]
            found += [str(fault) for fault in check_blocks([dict(block) for block in post.blocks], "message")]
            tally.check(not found, f"a post of incident {number} leaves {found[:2]} live: {said[0][:80]!r}")
        for _, _, whispered in desk.chat.whispers:
            found = live(_BUILT.sub("", whispered))
            tally.check(not found, f"an answer leaves {found[:2]} live: {whispered[:80]!r}")
        desk.recorder.close()
        store.close()
