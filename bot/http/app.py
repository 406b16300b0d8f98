"""The HTTP application: intake, health, metrics, and Slack's HTTP mode where that is chosen."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from bot.http.health import HealthPorts, healthz, metrics, readyz
from bot.http.intake import PREFIX, Intake, IntakePorts


class Lifespan(Protocol):
    """What runs beside the requests: group commit, Slack socket, outbox, sweeper."""

    def __call__(self, app: Starlette) -> AbstractAsyncContextManager[None]: ...


class _Web(Starlette):
    """Starlette, with the intake in front: its routing and middleware cost a small call as much as taking it in."""

    take_in: Intake

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Every call, whatever it is for."""
        to_intake = scope["type"] == "http" and scope["method"] == "POST" and scope["path"].startswith(PREFIX)
        if to_intake and "/" not in scope["path"][len(PREFIX) :]:
            await self.take_in(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def build_http(
    intake: IntakePorts, health: HealthPorts, lifespan: Lifespan, extra: Sequence[BaseRoute] = ()
) -> Starlette:
    """Every route of the web process."""
    take_in = Intake(intake)
    routes: list[BaseRoute] = [
        Route(f"{PREFIX}{{kind}}", take_in, methods=["POST"]),
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route("/metrics", metrics),
        *extra,
    ]
    app = _Web(routes=routes, lifespan=lifespan)
    app.state.intake = intake
    app.take_in = take_in
    app.state.health = health
    return app
