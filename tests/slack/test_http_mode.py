"""HTTP mode's door: forged, replayed, stale and malformed requests get the same 401, genuine ones reach Bolt once."""

import hashlib
import hmac
import json
import random
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from bot.slack.http_mode import MAX_BYTES, door, interaction, verified
from bot.slack.inbox import decide_inbox
from tests.slack.desk import TEAM, Desk

SECRET = b"signing-secret-of-the-test"
NOW = 1_790_000_000


def signed(body: bytes, *, at: int = NOW, secret: bytes = SECRET) -> dict[str, str]:
    mac = hmac.new(secret, f"v0:{at}:".encode() + body, hashlib.sha256).hexdigest()
    return {
        "X-Slack-Request-Timestamp": str(at),
        "X-Slack-Signature": f"v0={mac}",
        "Content-Type": "application/x-www-form-urlencoded",
    }


def command(at: int = 0) -> bytes:
    fields = {
        "command": "/incident",
        "text": "help",
        "user_id": "U0ONCALL1",
        "team_id": TEAM,
        "channel_id": "C0ALERTS",
    }
    return "&".join(f"{key}={value}" for key, value in {**fields, "trigger_id": f"t{at}"}.items()).encode()


@pytest.fixture
def client(desk: Desk) -> httpx.AsyncClient:
    ports = replace(desk.ports, signing_secret=SECRET.decode())
    endpoint = door(desk.app, ports, now=desk.clock.now)
    served = Starlette(routes=[Route("/slack/events", endpoint, methods=["POST"])])
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=served), base_url="http://door")


def kept(desk: Desk) -> int:
    return sum(row.kind == "command" for row in desk.store.read(lambda tx: tx.pending_inbox(limit=1000)))


async def test_a_genuine_request_is_taken_once(desk: Desk, client: httpx.AsyncClient) -> None:
    body = command()
    first = await client.post("/slack/events", content=body, headers=signed(body))
    again = [await client.post("/slack/events", content=body, headers=signed(body)) for _ in range(5)]
    assert first.status_code == 200
    assert {answer.status_code for answer in again} == {401}
    assert kept(desk) == 1


async def test_a_retry_with_a_new_signature_is_the_same_act(desk: Desk, client: httpx.AsyncClient) -> None:
    body = command()
    for at in (NOW, NOW - 60):
        assert (
            await client.post("/slack/events", content=body, headers=signed(body, at=at))
        ).status_code == 200
    assert kept(desk) == 1


@pytest.mark.parametrize("at", [NOW - 301, NOW + 6, NOW + 299, 0])
async def test_old_and_future_requests(desk: Desk, client: httpx.AsyncClient, at: int) -> None:
    body = command()
    assert (await client.post("/slack/events", content=body, headers=signed(body, at=at))).status_code == 401
    assert kept(desk) == 0


@pytest.mark.parametrize(
    "over",
    [
        {"X-Slack-Request-Timestamp": "9" * 5000},
        {"X-Slack-Request-Timestamp": "17900000x0"},
        {"X-Slack-Request-Timestamp": f"+{NOW}"},
        {"X-Slack-Request-Timestamp": f" {NOW}.0"},
        {"X-Slack-Signature": ""},
        {"X-Slack-Signature": "v0=" + "0" * 63},
        {"X-Slack-Signature": "v1=" + "0" * 64},
        {"X-Slack-Signature": "v0=" + "G" * 64},
    ],
)
async def test_malformed_headers(desk: Desk, client: httpx.AsyncClient, over: dict[str, str]) -> None:
    body = command()
    answer = await client.post("/slack/events", content=body, headers={**signed(body), **over})
    assert (answer.status_code, answer.content) == (401, b"")
    assert kept(desk) == 0


async def test_doubled_and_missing_headers_and_unsigned_bodies(desk: Desk, client: httpx.AsyncClient) -> None:
    body = command()
    good = list(signed(body).items())
    doubled = [*good, ("X-Slack-Signature", signed(body)["X-Slack-Signature"])]
    for headers in (doubled, good[:1], good[1:], []):
        assert (await client.post("/slack/events", content=body, headers=headers)).status_code == 401
    for unsigned in (b"ssl_check=1", b'{"type":"url_verification","challenge":"x"}', b"{", b""):
        assert (await client.post("/slack/events", content=unsigned)).status_code == 401
    assert kept(desk) == 0


async def test_a_large_body_and_a_signed_body_that_is_no_text(desk: Desk, client: httpx.AsyncClient) -> None:
    for body, status in ((b"x" * (MAX_BYTES + 1), 401), (b"\xff\xfe", 400)):
        assert (await client.post("/slack/events", content=body, headers=signed(body))).status_code == status


async def test_url_verification_is_answered(desk: Desk, client: httpx.AsyncClient) -> None:
    body = json.dumps({"type": "url_verification", "challenge": "abc", "token": "t"}).encode()
    headers = {**signed(body), "Content-Type": "application/json"}
    answer = await client.post("/slack/events", content=body, headers=headers)
    assert (answer.status_code, answer.json()) == (200, {"challenge": "abc"})


async def test_forgeries_by_the_hundred(desk: Desk, client: httpx.AsyncClient) -> None:
    seeded = random.Random(7)
    statuses: set[int] = set()
    for at in range(300):
        body, headers = command(at), {}
        headers = signed(body)
        target = seeded.choice(["body", "stamp", "mac", "secret"])
        if target == "body":
            flipped = bytearray(body)
            flipped[seeded.randrange(len(body))] ^= 1 << seeded.randrange(7)
            body = bytes(flipped)
        elif target == "stamp":
            headers["X-Slack-Request-Timestamp"] = str(NOW - seeded.randrange(1, 300))
        elif target == "mac":
            mac = headers["X-Slack-Signature"]
            place = seeded.randrange(3, len(mac))
            headers["X-Slack-Signature"] = (
                mac[:place] + ("0" if mac[place] != "0" else "1") + mac[place + 1 :]
            )
        else:
            headers = signed(body, secret=seeded.randbytes(16))
        statuses.add((await client.post("/slack/events", content=body, headers=headers)).status_code)
    assert statuses == {401}
    assert kept(desk) == 0


def test_no_secret_verifies_nothing() -> None:
    headers = [(key.lower().encode(), value.encode()) for key, value in signed(b"x", secret=b"").items()]
    assert verified(headers, b"x", secret=b"", now=NOW) is None
    good: list[Any] = [(key.lower().encode(), value.encode()) for key, value in signed(b"x").items()]
    assert verified(good, b"x", secret=SECRET, now=NOW) is not None


@pytest.mark.parametrize(
    ("behind_s", "granted"), [(0, True), (29, True), (119, True), (121, False), (299, False)]
)
async def test_a_click_that_slack_signed_long_ago_is_not_decided(
    desk: Desk, client: httpx.AsyncClient, behind_s: int, granted: bool
) -> None:
    """The door takes what Slack may deliver late; the gate denies what is more than two minutes from our clock."""
    desk.declare()
    plan = desk.propose()
    click = desk.click_body("U0ONCALL1", desk.post("proposal"), "approve")
    body = urlencode({"payload": json.dumps(click)}).encode()
    headers = signed(body, at=int(desk.clock.now()) - behind_s)
    assert (await client.post("/slack/events", content=body, headers=headers)).status_code == 200
    decide_inbox(desk.parts)
    grant = desk.store.read(lambda tx: tx.grant(plan.hash))
    assert (grant is not None) is granted
    if not granted:
        assert "The clocks of this host and of Slack are" in desk.whisper()


def test_a_press_is_read_as_bolt_reads_it() -> None:
    drawn = random.Random(5)
    signs = 'aZ09 _-."%+=&\n\r\t/<>€😀\\'
    for _ in range(300):
        payload = {"".join(drawn.choices(signs, k=5)): "".join(drawn.choices(signs, k=drawn.randrange(40)))}
        written = json.dumps(payload, ensure_ascii=drawn.random() < 0.5)
        assert interaction(urlencode({"payload": written}).encode()) == payload
        assert interaction(f"payload={quote(written)}".encode()) == payload


@pytest.mark.parametrize(
    "body",
    [
        b"payload=%7B%7D&x=1",
        b"payload={}=",
        b"payload=%7B%7",
        b"payload=%7B%zz%7D",
        b"payload=%%7B%7D",
        b"payload=[]",
        b"payload=",
        b"x=1",
        b"",
        b"payload=%FF%FE",
    ],
)
def test_what_is_no_plain_press_is_left_to_bolt(body: bytes) -> None:
    assert interaction(body) is None
