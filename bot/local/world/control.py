"""The control door of the world: start scenarios, ask for facts, the truth and the records."""

import json
from dataclasses import asdict
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.local.cluster.access import WORLD
from bot.local.world.aws import identities
from bot.local.world.catalogue import SCENARIOS, scenario
from bot.local.world.production import Production


def control_app(production: Production) -> Starlette:
    """The ASGI application."""

    async def scenarios(_: Request) -> Response:
        listed = [{"name": s.name, "title": s.title, "text": s.text} for s in SCENARIOS]
        run = production.run
        return JSONResponse({"scenarios": listed, "running": run.scene.name if run else None})

    async def start(request: Request) -> Response:
        try:
            name, seed = _wanted(await request.body())
        except (ValueError, KeyError, TypeError, AttributeError):
            return _error(400, 'expected {"scenario": NAME, "seed": NUMBER or nothing}')
        entry = scenario(name)
        if entry is None:
            return _error(404, f"no scenario is named {name}")
        run = await production.start(entry, seed)
        return JSONResponse({"run": run.number, "seed": run.scene.seed})

    async def facts(_: Request) -> Response:
        return _of_run(production.run and production.run.facts())

    async def truth(_: Request) -> Response:
        return _of_run(production.run and production.run.truth())

    async def records(_: Request) -> Response:
        return JSONResponse(_records(production))

    async def health(_: Request) -> Response:
        return JSONResponse({"ok": True})

    return Starlette(
        routes=[
            Route("/healthz", health),
            Route("/scenarios", scenarios),
            Route("/start", start, methods=["POST"]),
            Route("/scenario", facts),
            Route("/truth", truth),
            Route("/_records", records),
        ]
    )


def _of_run(answer: dict[str, Any] | None) -> Response:
    return _error(404, "no scenario was started") if answer is None else JSONResponse(answer)


def _wanted(body: bytes) -> tuple[str, int | None]:
    given = json.loads(body)
    seed = given.get("seed")
    return str(given["scenario"]), None if seed is None else int(seed)


def _error(code: int, text: str) -> Response:
    return JSONResponse({"error": text}, code)


def _records(production: Production) -> dict[str, list[dict[str, Any]]]:
    """Changing calls, refused ones too, by anybody but the world itself."""
    cluster = [asdict(record) for record in production.cluster.records if record.user != WORLD]
    aws = [
        asdict(record)
        for record in production.front.records
        if not record.reading and record.access_key != identities.WORLD.access_key
    ]
    return {"cluster": cluster, "aws": aws}
