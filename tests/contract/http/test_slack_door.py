"""/slack/events with requests that Slack would never send: each with and without its signature, in a hurry.

Unsigned ones get the same empty 401. Signed ones are recorded or refused, never a 500, and whatever was recorded is
decided or set aside by the loop behind. No body and no stack trace reaches the log.
"""

import json
import os
import random
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest

from bot.adapters.chat.memory import MemoryChat
from bot.blocks.ids import APPROVE, MENU, REVIEW
from bot.slack.inbox import decide_inbox
from bot.wiring import web
from tests.contract.http.test_openapi import STORED
from tests.contract.http.web_app import CANARY, TEAM, Answer, Called, slack_headers

FUZZ = int(os.environ.get("WATCHKEEPER_TEST_FUZZ", "0"))
EXAMPLES = 40 * FUZZ or 150
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
PERSON = {"id": "U0ONCALL1", "team_id": TEAM, "username": CANARY}
PLACE = {"id": "C0ALERTS", "name": CANARY}


def command() -> dict[str, Any]:
    named = {"user_id": PERSON["id"], "team_id": TEAM, "channel_id": PLACE["id"], "trigger_id": "t1"}
    return {"command": "/incident", "text": f"help {CANARY}", **named}


def click(action: str) -> dict[str, Any]:
    return {
        "type": "block_actions",
        "user": PERSON,
        "team": {"id": TEAM},
        "channel": PLACE,
        "container": {"type": "message", "message_ts": "1.1", "channel_id": PLACE["id"]},
        "message": {"ts": "1.1", "text": CANARY},
        "trigger_id": "t2",
        "actions": [
            {
                "type": "button",
                "action_id": action,
                "value": CANARY,
                "block_id": "b",
                "action_ts": "1.2",
                "selected_option": {"value": "x"},
            }
        ],
    }


def submission() -> dict[str, Any]:
    values = {"reason": {"reason": {"type": "plain_text_input", "value": CANARY}}}
    view = {"id": "V1", "hash": "h", "callback_id": "new_incident", "private_metadata": "{}"}
    return {
        "type": "view_submission",
        "user": PERSON,
        "team": {"id": TEAM},
        "view": {**view, "type": "modal", "state": {"values": values}},
    }


def event(kind: str, **more: Any) -> dict[str, Any]:
    said = {
        "type": kind,
        "user": PERSON["id"],
        "text": f"<@U0BOT> {CANARY}",
        "channel": PLACE["id"],
        "ts": "1.3",
    }
    outer = {
        "type": "event_callback",
        "team_id": TEAM,
        "event_id": "Ev1",
        "authorizations": [{"team_id": TEAM}],
    }
    return {**outer, "event": {**said, **more}}


GENUINE: list[tuple[str, dict[str, Any]]] = [
    ("command", command()),
    *(("payload", click(action)) for action in (f"{APPROVE}:A", f"{REVIEW}:A", MENU, "nobody-knows")),
    ("payload", submission()),
    ("payload", {"type": "shortcut", "callback_id": "x", "user": PERSON, "team": {"id": TEAM}}),
    (
        "payload",
        {"type": "block_suggestion", "action_id": "x", "user": PERSON, "team": {"id": TEAM}, "value": ""},
    ),
    ("event", event("app_mention")),
    ("event", event("message", bot_id="B1", app_id="A1", bot_profile={"name": "Grafana"}, attachments=[{}])),
    ("event", event("reaction_added")),
    ("event", {"type": "url_verification", "challenge": CANARY}),
    ("event", {"type": "app_rate_limited", "team_id": TEAM}),
]
DEEP = "[" * 50_000
JUNK: list[Any] = [
    None, True, 0, -1, 1e308, 2**70, "", "x", CANARY, "\x00", "\ud800", "𝕏" * 300, [], {}, [None], [[]], {"id": None},
    {"": {}}, [{}], "a" * 70_000, {"id": [1]}, ["x", 1],
]  # fmt: skip
TEXTS = [
    "",
    "{",
    "null",
    "[]",
    "5",
    '"x"',
    "NaN",
    '{"type": NaN}',
    '{"a":1,"a":2}',
    DEEP,
    '{"a":' * 9000,
    "\x01",
    "%00",
]


def mutated(value: Any, dice: random.Random) -> Any:
    """One part of it, however deep, is missing or something else."""
    parts = (
        list(value.items())
        if isinstance(value, dict)
        else list(enumerate(value))
        if isinstance(value, list)
        else []
    )
    if not parts or dice.random() < 0.1:
        return dice.choice(JUNK)
    name, part = dice.choice(parts)
    copy = dict(value) if isinstance(value, dict) else list(value)
    how = dice.random()
    if how < 0.15:
        del copy[name]
    elif how < 0.5:
        copy[name] = dice.choice(JUNK)
    else:
        copy[name] = mutated(part, dice)
    return copy


def written(kind: str, value: Any, dice: random.Random) -> tuple[bytes, str]:
    """The body and its content type; now and then the text or the type is another."""
    text = json.dumps(value) if dice.random() < 0.85 else dice.choice(TEXTS)
    if kind == "event":
        body, content_type = text.encode(), JSON
    elif kind == "payload":
        body, content_type = urlencode({"payload": text}).encode(), FORM
    else:
        fields = {str(name): part if isinstance(part, str) else text for name, part in _items(value)}
        body, content_type = urlencode(fields, errors="surrogatepass").encode(), FORM
    if dice.random() < 0.1:
        content_type = dice.choice(
            [
                JSON,
                FORM,
                "text/plain",
                "multipart/form-data; boundary=x",
                "",
                "\t",
                "application/json; charset=utf-16",
            ]
        )
    if dice.random() < 0.05:
        body = dice.choice(
            [body[:-3], body + b"\xff", b"\xff\xfe" + body, b"payload=" + body, b"ssl_check=1&" + body]
        )
    return body, content_type


def _items(value: Any) -> list[tuple[Any, Any]]:
    return list(value.items()) if isinstance(value, dict) else [("command", value)]


def sent(web_app: Called, body: bytes, headers: list[tuple[str, str]]) -> Answer:
    answer = web_app.call("POST", "/slack/events", body, headers)
    said = web_app.logged()
    assert answer.status < 500, (answer, body[:300])
    assert "Traceback" not in said, (said, body[:300])
    assert CANARY not in said, (said, body[:300])
    return answer


def kept(web_app: Called) -> int:
    return int(web_app.look.execute(STORED).fetchone()[0])


def test_what_slack_sends_is_taken(web_app: Called) -> None:
    for kind, value in GENUINE:
        # Other tests may have sent the same before, and a signature is taken once.
        body, content_type = written(kind, {**value, "sent_as": "it is"}, _Calm())
        assert sent(web_app, body, slack_headers(body, content_type)).status in (200, 404), value


class _Calm(random.Random):
    """Dice that change nothing."""

    def random(self) -> float:
        return 0.5


@pytest.mark.parametrize("seed", [int(os.environ.get("WATCHKEEPER_TEST_DRAW", "0")) if FUZZ else 4])
def test_no_request_is_a_failure(seed: int, web_app: Called) -> None:
    dice = random.Random(seed)
    taken = 0
    for _ in range(EXAMPLES):
        kind, value = dice.choice(GENUINE)
        for _ in range(dice.choice((1, 1, 2, 4))):
            value = mutated(value, dice)
        body, content_type = written(kind, value, dice)
        before = kept(web_app)
        unsigned = [
            (name, text) for name, text in slack_headers(body, content_type) if name != "X-Slack-Signature"
        ]
        refused = sent(web_app, body, [*unsigned, ("X-Slack-Signature", f"v0={dice.randbytes(32).hex()}")])
        assert (refused.status, refused.content, kept(web_app)) == (401, b"", before)
        taken += sent(web_app, body, slack_headers(body, content_type)).status == 200
    assert taken > EXAMPLES // 10
    parts = replace(web._deciding(web_app.web), chat=MemoryChat(web_app.web.clock))
    while decide_inbox(parts):
        assert "Traceback" not in web_app.logged()
    assert web_app.look.execute("SELECT COUNT(*) FROM inbox WHERE state = 'pending'").fetchone() == (0,)
