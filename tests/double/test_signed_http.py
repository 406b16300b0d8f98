"""HTTP mode: signed requests to a stock Bolt app on a Starlette server of its own."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.local.slackdouble.options import DoubleOptions
from bot.local.slackdouble.signed import sign
from tests.double.conftest import Json, Running, bolt_app, free_port, start
from tests.double.test_socket_mode import BUTTON


def app_server(options: DoubleOptions, port: int, heard: list[Json]) -> uvicorn.Server:
    app = bolt_app(options)

    @app.command("/incident")
    async def command(ack: Any, body: Any) -> None:
        heard.append(body)
        await ack(text="over HTTP")

    @app.action("approve")
    async def approve(ack: Any, body: Any) -> None:
        heard.append(body)
        await ack()

    @app.event("app_mention")
    async def mention(ack: Any, event: Any) -> None:
        heard.append(event)
        await ack()

    @app.event("message")
    async def message(ack: Any) -> None:
        await ack()

    handler = AsyncSlackRequestHandler(app)

    async def endpoint(request: Request) -> Response:
        return await handler.handle(request)

    site = Starlette(routes=[Route("/slack/events", endpoint, methods=["POST"])])
    return uvicorn.Server(uvicorn.Config(site, host="127.0.0.1", port=port, log_level="error"))


@pytest.fixture
def pair() -> Iterator[tuple[Running, list[Json], int]]:
    port = free_port()
    double = start(request_url=f"http://127.0.0.1:{port}/slack/events", signing_secret="shared")
    heard: list[Json] = []
    server = app_server(double.options, port, heard)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    double.until(lambda: server.started)
    yield double, heard, port
    server.should_exit = True
    thread.join(10)
    double.stop()


def test_command_click_and_mention(pair: tuple[Running, list[Json], int]) -> None:
    double, heard, _ = pair
    answer = double.act("oncall-1", "slash", command="/incident", text="a & b", channel="alerts")
    assert answer["acked"]
    assert heard[0]["text"] == "a & b"
    assert double.get("ephemerals", user="oncall-1")["ephemerals"][0]["text"] == "over HTTP"
    ts = double.call("chat.postMessage", channel="C0ALERTS", text="x", blocks=[BUTTON])["ts"]
    assert double.act("oncall-2", "click", channel="alerts", message_ts=ts, action_id="approve")["acked"]
    assert heard[1]["user"]["id"] == "U0ONCALL2"
    assert double.act("oncall-1", "message", channel="alerts", text="<@U0BOT> hi")["acked"]
    assert heard[2]["type"] == "app_mention"
    assert double.state()["mode"] == "http"
    answer = double.api("apps.connections.open", token="xapp-local").json()
    assert answer["error"] == "socket_mode_disabled"


def test_a_wrong_signature_is_refused_by_the_app(pair: tuple[Running, list[Json], int]) -> None:
    double, heard, port = pair
    body = b"command=%2Fincident"
    stamp = 1_700_000_000
    headers = {
        "x-slack-request-timestamp": str(stamp),
        "x-slack-signature": sign("shared", stamp, body),
        "content-type": "application/x-www-form-urlencoded",
    }
    old = double.http.post(f"http://127.0.0.1:{port}/slack/events", content=body, headers=headers)
    assert old.status_code == 401
    assert heard == []


def test_the_signature_is_slacks_own_example() -> None:
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
        b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
        b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554"
        b"%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    wanted = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    assert sign("8f742231b10e8888abcd99yyyzzz85a5", 1531420618, body) == wanted
