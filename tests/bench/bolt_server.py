"""`python -m tests.bench.bolt_server async|sync|flask PORT`: a Bolt app as Bolt's own documents set it up, to be measured.

All of Bolt's defaults, its signature check included; the listener acknowledges and does nothing else.
"""

import logging
import sys
from typing import Any

import flask
import uvicorn
from slack_bolt import App
from slack_bolt.adapter.flask import SlackRequestHandler as FlaskDoor
from slack_bolt.adapter.starlette import SlackRequestHandler as SyncDoor
from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler as AsyncDoor
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from werkzeug.serving import run_simple

KINDS = ("async", "sync", "flask")
ACTION = "approve:A:0"
PATH = "/slack/events"
WE = AuthorizeResult(
    enterprise_id=None, team_id="T0LOCAL", bot_user_id="U0BOT", bot_token="xoxb-local", bot_id="B0BOT"
)


def synchronous(secret: str) -> App:
    """App with its defaults; who we are is known, so that no call to Slack is measured."""
    app = App(signing_secret=secret, authorize=lambda **_: WE)

    @app.action(ACTION)
    def approve(ack: Any) -> None:
        ack()

    return app


def asynchronous(secret: str) -> AsyncApp:
    """AsyncApp with its defaults."""

    async def authorize(**_: Any) -> AuthorizeResult:
        return WE

    app = AsyncApp(signing_secret=secret, authorize=authorize)

    @app.action(ACTION)
    async def approve(ack: Any) -> None:
        await ack()

    return app


def serve(kind: str, secret: str, port: int) -> None:
    """Block: uvicorn as the product runs it, or Flask's threaded server."""
    if kind == "flask":
        door = FlaskDoor(synchronous(secret))
        served = flask.Flask(__name__)
        served.add_url_rule(PATH, "events", lambda: door.handle(flask.request), methods=["POST"])
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        run_simple("127.0.0.1", port, served, threaded=True)
        return
    handler = AsyncDoor(asynchronous(secret)) if kind == "async" else SyncDoor(synchronous(secret))

    async def events(request: Request) -> Response:
        return await handler.handle(request)

    app = Starlette(routes=[Route(PATH, events, methods=["POST"])])
    uvicorn.run(app, host="127.0.0.1", port=port, log_config=None, access_log=False)


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2], int(sys.argv[3]))
