"""The page that looks and acts like Slack, server-rendered; it changes nothing that the driver could not."""

from dataclasses import dataclass

import httpx
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bot.local.slackdouble.acts import Acts
from bot.local.slackdouble.deliver import Delivery
from bot.local.slackdouble.double import Double


@dataclass
class Page:
    """The routes of the page."""

    double: Double
    delivery: Delivery
    acts: Acts
    client: httpx.AsyncClient

    def routes(self) -> list[Route]:
        """All page routes."""
        return [Route("/", self.index, methods=["GET"])]

    async def index(self, request: Request) -> Response:
        """The page."""
        return PlainTextResponse("soon")
