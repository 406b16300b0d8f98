"""The HTTP application: intake, health, metrics, and Slack's HTTP mode where that is chosen."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Route

from bot.http.doors import Doors
from bot.http.health import HealthPorts, healthz, metrics, readyz
from bot.http.intake import IntakePorts, take_in
from bot.http.notices import Notices


class Lifespan(Protocol):
    """What runs beside the requests: group commit, Slack socket, outbox, sweeper."""

    def __call__(self, app: Starlette) -> AbstractAsyncContextManager[None]: ...


def build_http(
    intake: IntakePorts, health: HealthPorts, lifespan: Lifespan, extra: Sequence[BaseRoute] = ()
) -> Starlette:
    """Every route of the web process."""
    routes: list[BaseRoute] = [
        Route("/alerts/{kind}", take_in, methods=["POST"]),
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route("/metrics", metrics),
        *extra,
    ]
    app = Starlette(routes=routes, lifespan=lifespan)
    app.state.intake = intake
    app.state.doors = Doors(intake.sources, intake.parsers, intake.notary)
    app.state.notices = Notices()
    app.state.health = health
    return app
