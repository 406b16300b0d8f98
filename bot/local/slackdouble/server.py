"""The double as one ASGI application and one process on one port; `serve` is its only entry."""

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from bot.local.slackdouble.acts import Acts
from bot.local.slackdouble.api import dispatch
from bot.local.slackdouble.deliver import Delivery, Link
from bot.local.slackdouble.doors import Doors
from bot.local.slackdouble.double import Double
from bot.local.slackdouble.driver import Driver
from bot.local.slackdouble.guard import Guard
from bot.local.slackdouble.keep import keep_saving, resume, save
from bot.local.slackdouble.options import DoubleOptions
from bot.local.slackdouble.page import Page
from bot.local.slackdouble.signed import SignedLink
from bot.local.slackdouble.sockets import SocketLink

__all__ = ["DoubleOptions", "Server", "application", "serve"]
_HERE = Path(__file__).parent


def application(options: DoubleOptions) -> Starlette:
    """The ASGI application; ValueError when the state file is damaged."""
    double = Double.start(options)
    if options.state_file:
        resume(double, Path(options.state_file))
    client = httpx.AsyncClient(trust_env=False)
    sockets = SocketLink(double)
    link: Link = sockets
    if options.request_url:
        link = SignedLink(options.request_url, options.signing_secret, client)
    delivery = Delivery(double, link)
    double.send_event = delivery.tell
    acts = Acts(double, delivery)

    routes: list[BaseRoute] = [
        Route("/api/{method:path}", dispatch.endpoint(double), methods=["GET", "POST"]),
        *Doors(double).routes(),
        WebSocketRoute("/link/", sockets.endpoint),
        *Driver(double, delivery, acts).routes(),
        *Page(double, delivery, acts, client).routes(),
        Mount("/static", StaticFiles(directory=_HERE / "static")),
    ]

    app = Starlette(
        routes=routes, lifespan=_lifespan(double, client), middleware=[Middleware(Guard, host=options.host)]
    )
    app.state.double = double
    return app


def _lifespan(
    double: Double, client: httpx.AsyncClient
) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    path = Path(double.options.state_file) if double.options.state_file else None

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        if path is not None:
            double.run(keep_saving(double, path))
        yield
        for task in list(double.background):
            task.cancel()
        if path is not None:
            save(double, path)
        await client.aclose()

    return lifespan


class Server(uvicorn.Server):
    """uvicorn, which first ends the pages' live streams so that a stop is quick and quiet."""

    def __init__(self, config: uvicorn.Config, double: Double) -> None:
        super().__init__(config)
        self._double = double

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Tell the streams, then stop."""
        self._double.closing = True
        self._double.changed()
        await super().shutdown(sockets)


def serve(options: DoubleOptions) -> None:
    """Run until interrupted; SystemExit when the port is taken."""
    app = application(options)
    config = uvicorn.Config(
        app,
        host=options.host,
        port=options.port,
        log_level="warning",
        ws="websockets-sansio",
        timeout_graceful_shutdown=2,
    )
    Server(config, app.state.double).run()
