"""Promise 13, Slack's part: no forged, stale or replayed request passes the door of HTTP mode, and none fails it."""

import random
from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from bot.adapters.store.sql import SqlStore
from bot.slack import http_mode
from tests.promises.conftest import Tally
from tests.slack.desk import Desk
from tests.slack.test_http_mode import NOW, SECRET, command, signed

FULL = 20_000
KINDS = ("body", "mac", "stamp", "secret", "old", "future", "missing", "doubled", "replay")


def plant(monkeypatch: pytest.MonkeyPatch) -> None:
    """A door that believes every signature."""
    monkeypatch.setattr(http_mode, "verified", lambda _headers, body, **_given: f"v0={hash(body)}")


def forged(kind: str, at: int, seeded: random.Random) -> tuple[bytes, list[tuple[str, str]]]:
    body = command(at)
    headers = signed(body)
    if kind == "body":
        flipped = bytearray(body)
        flipped[seeded.randrange(len(body))] ^= 1 << seeded.randrange(7)
        body = bytes(flipped)
    elif kind == "mac":
        headers["X-Slack-Signature"] = f"v0={seeded.randbytes(32).hex()}"
    elif kind == "stamp":
        headers["X-Slack-Request-Timestamp"] = str(NOW - seeded.randrange(1, 290))
    elif kind == "secret":
        headers = signed(body, secret=seeded.randbytes(20))
    elif kind in ("old", "future"):
        headers = signed(body, at=NOW - 301 - at if kind == "old" else NOW + 6 + at)
    elif kind == "missing":
        del headers[seeded.choice(("X-Slack-Signature", "X-Slack-Request-Timestamp"))]
    pairs = list(headers.items())
    return body, [*pairs, pairs[1]] if kind == "doubled" else pairs


async def test_the_door_takes_no_forgery(promise: Callable[[int], Tally], store: SqlStore) -> None:
    tally, desk, seeded = promise(13), Desk(store), random.Random(13)
    endpoint = http_mode.door(
        desk.app,
        replace(desk.ports, signing_secret=SECRET.decode()),
        now=desk.clock.now,
    )
    transport = httpx.ASGITransport(app=Starlette(routes=[Route("/", endpoint, methods=["POST"])]))
    async with httpx.AsyncClient(transport=transport, base_url="http://door") as client:
        genuine = command()
        first = await client.post("/", content=genuine, headers=signed(genuine))
        assert first.status_code == 200
        for at in range(tally.size(FULL)):
            kind = KINDS[at % len(KINDS)]
            body, headers = (
                (genuine, list(signed(genuine).items())) if kind == "replay" else forged(kind, at + 1, seeded)
            )
            answer = await client.post("/", content=body, headers=headers)
            tally.check(answer.status_code == 401, f"{kind} was answered {answer.status_code}")
    kept = [row for row in store.read(lambda tx: tx.pending_inbox(limit=50)) if row.kind == "command"]
    tally.check(len(kept) == 1, f"{len(kept)} acts were kept")
    desk.recorder.close()
