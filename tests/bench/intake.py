"""Accepted alerts a second over real HTTP, beside the limit of the same server, which reads the body and answers.

Ours are authenticated, validated and committed before the 2xx.
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from bot.adapters.monitoring.alertmanager import Alertmanager
from bot.domain.secret import SecretStr
from bot.http.app import build_http
from bot.http.front import Front
from bot.http.group_commit import GroupCommit
from bot.http.health import HealthPorts
from bot.http.intake import IntakePorts
from bot.settings import Source
from tests.bench import storms
from tests.bench.correlation import WallClock
from tests.bench.stores import fresh_store

ALERTS = 10_000
BATCH = 100
CONNECTIONS = 8
TOKEN = "token-of-the-bench"


def measure(runs: int) -> list[dict[str, object]]:
    """Ours, the limit, and the ratio pair by pair."""
    load = list(storms.bodies(ALERTS, BATCH))
    ours, limit = [], []
    for _ in range(runs):
        with _product() as url:
            ours.append(ALERTS / _send(url, load))
        with _bare() as url:
            limit.append(ALERTS / _send(url, load))
    middle = runs // 2
    ratios = sorted(one / other for one, other in zip(ours, limit, strict=True))
    return [
        {
            "alerts": ALERTS,
            "batch": BATCH,
            "accepted_per_s": round(sorted(ours)[middle]),
            "limit_per_s": round(sorted(limit)[middle]),
            "ratio": round(ratios[middle], 3),
        }
    ]


def _send(url: str, load: Sequence[bytes]) -> float:
    async def all_of_it() -> float:
        headers = {"authorization": f"Bearer {TOKEN}"}
        async with httpx.AsyncClient(
            headers=headers, limits=httpx.Limits(max_connections=CONNECTIONS), timeout=60
        ) as client:
            begun = time.perf_counter()
            answers = await asyncio.gather(*(client.post(url, content=body) for body in load))
            assert all(answer.status_code == 200 for answer in answers)
            return time.perf_counter() - begun

    return asyncio.run(all_of_it())


@contextmanager
def _product() -> Iterator[str]:
    with fresh_store() as store:
        commits = GroupCommit(store, lambda: None)
        source = Source(kind="alertmanager", token=SecretStr(TOKEN))
        intake = IntakePorts({"bench": source}, {"alertmanager": Alertmanager()}, commits, WallClock())

        @asynccontextmanager
        async def lifespan(app: Starlette) -> AsyncIterator[None]:
            running = asyncio.create_task(commits.run())
            yield
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

        app = build_http(intake, HealthPorts(store, WallClock(), (), "observe"), lifespan)
        with _served(app) as base:
            yield f"{base}/alerts/alertmanager"


@contextmanager
def _bare() -> Iterator[str]:
    async def take(request: Request) -> JSONResponse:
        return JSONResponse({"bytes": len(await request.body())})

    with _served(Starlette(routes=[Route("/", take, methods=["POST"])])) as base:
        yield f"{base}/"


@contextmanager
def _served(app: Starlette) -> Iterator[str]:
    config = uvicorn.Config(app, http=Front, ws="none", port=0, log_config=None, access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()
