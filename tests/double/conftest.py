"""A real double on a real port and a stock Bolt app on real sockets, for every test of this folder."""

import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import pytest_asyncio
import uvicorn
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.local.slackdouble.options import DoubleOptions
from bot.local.slackdouble.server import application

Json = dict[str, Any]


def free_port() -> int:
    """A port on loopback that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Running:
    """A double in a thread, with a driver client."""

    options: DoubleOptions
    server: uvicorn.Server
    thread: threading.Thread
    http: httpx.Client = field(default_factory=lambda: httpx.Client(trust_env=False, timeout=20))

    @property
    def url(self) -> str:
        return self.options.base_url

    def get(self, path: str, **params: Any) -> Json:
        out: Json = self.http.get(f"{self.url}/_double/{path}", params=params).raise_for_status().json()
        return out

    def post(self, path: str, status: int = 200, **body: Any) -> Json:
        answer = self.http.post(f"{self.url}/_double/{path}", json=body)
        assert answer.status_code == status, answer.text
        out: Json = answer.json()
        return out

    def act(self, who: str, kind: str, status: int = 200, **body: Any) -> Json:
        return self.post("act", status, **{"as": who, "type": kind, **body})

    def api(self, method: str, token: str | None = None, **args: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {token or self.options.bot_token}"}
        return self.http.post(f"{self.url}/api/{method}", json=args, headers=headers)

    def call(self, method: str, **args: Any) -> Json:
        out: Json = self.api(method, **args).json()
        return out

    def state(self) -> Json:
        return self.get("state")

    def messages(self, channel: str = "alerts") -> list[Json]:
        out: list[Json] = self.get("state", channel=channel)["channels"][0]["messages"]
        return out

    def until(self, holds: Callable[[], Any], seconds: float = 60.0) -> Any:
        """The first true value of `holds`; AssertionError after `seconds`."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := holds():
                return found
            time.sleep(0.02)
        raise AssertionError("it did not become true in time")

    def stop(self) -> None:
        self.http.close()
        self.server.should_exit = True
        self.thread.join(10)


def start(**over: Any) -> Running:
    """A double on a free port."""
    options = DoubleOptions(**{"port": free_port(), **over})
    config = uvicorn.Config(
        application(options),
        host=options.host,
        port=options.port,
        log_level="error",
        ws="websockets-sansio",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    running = Running(options, server, thread)
    running.until(lambda: server.started)
    return running


@pytest.fixture
def double() -> Iterator[Running]:
    running = start()
    yield running
    running.stop()


@dataclass
class Bolt:
    """A stock Bolt app with what it heard."""

    app: AsyncApp
    client: AsyncWebClient
    socket: AsyncSocketModeHandler
    heard: list[Json] = field(default_factory=list)


def bolt_app(options: DoubleOptions) -> AsyncApp:
    """A stock app whose client talks to the double."""
    client = AsyncWebClient(token=options.bot_token, base_url=f"{options.base_url}/api/")
    return AsyncApp(client=client, signing_secret=options.signing_secret, process_before_response=True)


@pytest_asyncio.fixture
async def bolt(double: Running) -> AsyncIterator[Bolt]:
    app = bolt_app(double.options)
    web = AsyncWebClient(token=double.options.app_token, base_url=f"{double.url}/api/")
    handler = AsyncSocketModeHandler(app, double.options.app_token, web_client=web)
    running = Bolt(app, app.client, handler)
    await handler.connect_async()  # type: ignore[no-untyped-call]  # Bolt leaves it untyped
    yield running
    await handler.close_async()  # type: ignore[no-untyped-call]  # Bolt leaves it untyped
