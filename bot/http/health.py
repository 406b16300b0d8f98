"""Health: /healthz says that this process answers and what it knows to be wrong, /readyz whether the product can work.

/metrics counts.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from bot.domain.errors import Permanent, Retryable
from bot.http.counters import PROCESS_AGE
from bot.ports import Clock, Store

STALE_S = 20.0


@dataclass(frozen=True, slots=True)
class HealthPorts:
    """What the health pages read; `expected` are the processes that must show signs of life."""

    store: Store
    clock: Clock
    expected: tuple[str, ...]
    mode: str
    wrong: Callable[[], Mapping[str, str]] = dict
    lasting: Callable[[], Mapping[str, str]] = dict


async def healthz(request: Request) -> Response:
    """Say that the process answers; a restart would mend nothing of what it adds, so that this is always a 200."""
    ports: HealthPorts = request.app.state.health
    wrong = [
        f"degraded: {name}: {reason}\n"
        for name, reason in sorted({**ports.lasting(), **ports.wrong()}.items())
    ]
    return PlainTextResponse("".join(["ok\n", *wrong]))


async def readyz(request: Request) -> Response:
    """Whether the database answers and every process was seen lately; 503 with the reasons when not."""
    ports: HealthPorts = request.app.state.health
    problems = await asyncio.to_thread(_problems, ports)
    state = {"ready": not problems, "mode": ports.mode, "problems": problems}
    return JSONResponse(state, status_code=503 if problems else 200)


async def metrics(request: Request) -> Response:
    """Counters in Prometheus text format."""
    ports: HealthPorts = request.app.state.health
    await asyncio.to_thread(_problems, ports)
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def _problems(ports: HealthPorts) -> list[str]:
    try:
        beats = ports.store.read(lambda tx: dict(tx.beats()))
    except (Retryable, Permanent) as error:
        return [str(error)]
    for name, at in beats.items():
        PROCESS_AGE.labels(name).set(at)
    now = ports.clock.now()
    wrong = [f"{name}: {reason}" for name, reason in sorted(ports.wrong().items())]
    return wrong + [
        f"no sign of life from {name}" for name in ports.expected if now - beats.get(name, 0.0) > STALE_S
    ]
