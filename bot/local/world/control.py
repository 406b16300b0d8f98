"""The control door of the world: start scenarios, ask for facts, the truth and the records."""

import json
import time
from dataclasses import asdict, dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.local.cluster.access import WORLD
from bot.local.world.aws import identities
from bot.local.world.catalogue import SCENARIOS, scenario
from bot.local.world.production import Production


@dataclass(frozen=True)
class ControlDoor:
    """The calls of the control port; `app` is the ASGI application."""

    production: Production

    @property
    def app(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route("/healthz", self.healthz),
                Route("/scenarios", self.scenarios),
                Route("/start", self.start, methods=["POST"]),
                Route("/end", self.end, methods=["POST"]),
                Route("/scenario", self.scenario),
                Route("/truth", self.truth),
                Route("/_records", self.records),
                Route("/_mishaps", self.mishaps),
            ]
        )

    async def healthz(self, _: Request) -> Response:
        """Answer as soon as all is up."""
        return JSONResponse({"ok": True})

    async def scenarios(self, _: Request) -> Response:
        """List what can be started, what runs, and how many alerts were sent since the world began."""
        now = time.time()
        listed = [
            {"name": s.name, "title": s.title, "text": s.text, "says_first": s.first_words(now)}
            for s in SCENARIOS
        ]
        run = self.production.run
        running = run.scene.name if run and not run.over else None
        sent = self.production.alerts_sent
        return JSONResponse({"scenarios": listed, "running": running, "alerts_sent": sent})

    async def start(self, request: Request) -> Response:
        """Start a scenario; the one before ends."""
        try:
            name, seed, early = _wanted(await request.body())
        except (ValueError, KeyError, TypeError, AttributeError):
            return _error(
                400, 'expected {"scenario": NAME, "seed": NUMBER or nothing, "early": BOOLEAN or nothing}'
            )
        entry = scenario(name)
        if entry is None:
            return _error(404, f"no scenario is named {name}")
        run = await self.production.start(entry, seed, early=early)
        return JSONResponse({"run": run.number, "seed": run.scene.seed})

    async def end(self, _: Request) -> Response:
        """End the present run; its alerts that still fire are resolved."""
        return JSONResponse({"resolved": await self.production.finish()})

    async def scenario(self, _: Request) -> Response:
        """Tell the facts of the run."""
        run = self.production.run
        return JSONResponse(run.facts()) if run else _error(404, "no scenario was started")

    async def truth(self, _: Request) -> Response:
        """Tell the answer."""
        run = self.production.run
        return JSONResponse(run.truth()) if run else _error(404, "no scenario was started")

    async def records(self, _: Request) -> Response:
        """Changing calls, refused ones too, by anybody but the world itself."""
        cluster = [asdict(record) for record in self.production.cluster.records if record.user != WORLD]
        aws = [
            asdict(record)
            for record in self.production.front.records
            if not record.reading and record.access_key != identities.WORLD.access_key
        ]
        sql = [asdict(record) for record in self.production.database.records]
        jvm = [asdict(record) for record in self.production.management.records]
        return JSONResponse({"cluster": cluster, "aws": aws, "jvm": jvm, "sql": sql})

    async def mishaps(self, _: Request) -> Response:
        """Count the drawn failures so far, by what failed and how."""
        return JSONResponse(dict(self.production.mishaps.happened))


def _wanted(body: bytes) -> tuple[str, int | None, bool]:
    given: dict[str, Any] = json.loads(body)
    seed = given.get("seed")
    return str(given["scenario"]), None if seed is None else int(seed), bool(given.get("early", True))


def _error(code: int, text: str) -> Response:
    return JSONResponse({"error": text}, code)
