"""One socket stays open: an address that ran out is given up for a new one, and so is a connection that died."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import cast

import pytest
from aiohttp import ClientSession, web

from bot.adapters.store.sql import SqlStore
from bot.slack.app import build_app, socket_handler
from bot.slack.listening import SlackPorts
from bot.slack.recording import Recorder
from bot.slack.socket import Socket, stay_connected
from tests.double.conftest import Running, start
from tests.slack.clock import HandClock


@pytest.fixture(scope="module")
def double() -> Iterator[Running]:
    running = start()
    yield running
    running.stop()


@asynccontextmanager
async def stale_at_first(double: Running) -> AsyncIterator[tuple[str, list[str]]]:
    """Slack whose first address leads nowhere; yields its API address and the list of addresses given out."""
    given: list[str] = []

    async def open_connection(request: web.Request) -> web.Response:
        async with ClientSession() as session:
            headers = {"Authorization": request.headers["Authorization"]}
            async with session.post(f"{double.url}/api/apps.connections.open", headers=headers) as answer:
                opened = await answer.json()
        if not given:
            opened["url"] = f"ws://127.0.0.1:{port}/ran-out"
        given.append(opened["url"])
        return web.json_response(opened)

    app = web.Application()
    app.router.add_post("/api/apps.connections.open", open_connection)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    yield f"http://127.0.0.1:{port}/api/", given
    await runner.cleanup()


async def test_a_dead_address_and_a_dead_connection_are_replaced(double: Running, store: SqlStore) -> None:
    recorder = Recorder(store, HandClock(), lambda: None)
    made: list[Socket] = []

    async def until(true: Callable[[], bool]) -> None:
        await asyncio.to_thread(double.until, true)

    async with stale_at_first(double) as (api_url, given):
        ports = SlackPorts(
            recorder.record, recorder.record_alert, recorder.mark, lambda: None, "T0LOCAL", "U0BOT",
            double.options.bot_token, api_url=api_url,
        )  # fmt: skip

        def make() -> Socket:
            made.append(cast(Socket, socket_handler(build_app(ports), ports, double.options.app_token)))
            return made[-1]

        staying = asyncio.create_task(stay_connected(make, patience_s=1.0, look_s=0.2))
        await until(lambda: bool(double.state()["connected"]))
        assert (len(made), len(given)) == (2, 2)
        await made[-1].close_async()
        await until(lambda: len(made) == 3 and bool(double.state()["connected"]))
        staying.cancel()
        await asyncio.gather(staying, return_exceptions=True)
    recorder.close()
