"""`python -m tests.bench.bolt_server async|sync|threads SECRET PORT`: a Bolt app as Bolt's own documents set it up, to be measured.

All of Bolt's defaults, its signature check included; the listener acknowledges and does nothing else.
"""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import uvicorn
from slack_bolt import App
from slack_bolt.adapter.starlette import SlackRequestHandler as SyncDoor
from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler as AsyncDoor
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.request import BoltRequest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

KINDS = ("async", "sync", "threads")
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


def _door(app: App) -> type[BaseHTTPRequestHandler]:
    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # Headers and body in one packet.

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            answer = app.dispatch(BoltRequest(body=body, headers=dict(self.headers.items())))
            said = answer.body.encode()
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: object) -> None:
            return

    return Door


def serve(kind: str, secret: str, port: int) -> None:
    """Block: uvicorn as the product runs it, or Bolt's own server of `App.start` with a thread for each connection."""
    if kind == "threads":
        ThreadingHTTPServer(("127.0.0.1", port), _door(synchronous(secret))).serve_forever()
        return
    handler = AsyncDoor(asynchronous(secret)) if kind == "async" else SyncDoor(synchronous(secret))

    async def events(request: Request) -> Response:
        return await handler.handle(request)

    app = Starlette(routes=[Route(PATH, events, methods=["POST"])])
    uvicorn.run(app, host="127.0.0.1", port=port, log_config=None, access_log=False)


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2], int(sys.argv[3]))
