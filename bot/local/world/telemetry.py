"""The telemetry port: subsets of the Prometheus and Loki HTTP APIs over the running scene."""

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from bot.local.mishaps import Mishaps
from bot.local.world.logs import LogLine, lines
from bot.local.world.noise import Floats
from bot.local.world.run import Run
from bot.local.world.sensor import SOURCE, events
from bot.local.world.series import SelectorError, parse_matchers, parse_selector, series
from bot.local.world.webmoment import duration_seconds, unix_seconds

_MOST_POINTS = 11_000
_MOST_LINES = 5000
RunSource = Callable[[], Run | None]


def telemetry_app(current: RunSource, mishaps: Mishaps | None = None) -> Starlette:
    """The ASGI application; without a running scenario every answer is empty."""
    trouble = mishaps or Mishaps()

    async def query(request: Request) -> Response:
        answer = partial(_answered, request, lambda given: _instant(current(), given))
        return await trouble.answered("metrics", answer)

    async def query_range(request: Request) -> Response:
        answer = partial(_answered, request, lambda given: _range(current(), given))
        return await trouble.answered("metrics", answer)

    async def log_range(request: Request) -> Response:
        answer = partial(_answered, request, lambda given: _logs(current(), given))
        return await trouble.answered("logs", answer)

    async def ready(_: Request) -> Response:
        return PlainTextResponse("Prometheus Server is Ready.\n")

    both = ["GET", "POST"]
    return Starlette(
        routes=[
            Route("/api/v1/query", query, methods=both),
            Route("/api/v1/query_range", query_range, methods=both),
            Route("/loki/api/v1/query_range", log_range),
            Route("/-/ready", ready),
            Route("/ready", ready),
        ]
    )


async def _answered(request: Request, answer: Callable[[Mapping[str, str]], dict[str, Any]]) -> Response:
    given: dict[str, str] = dict(request.query_params)
    if request.method == "POST":
        given |= dict(parse_qsl((await request.body()).decode()))
    try:
        return JSONResponse({"status": "success", "data": answer(given)})
    except (SelectorError, ValueError) as error:
        return JSONResponse({"status": "error", "errorType": "bad_data", "error": str(error)}, 400)


def _instant(run: Run | None, given: Mapping[str, str]) -> dict[str, Any]:
    selector = parse_selector(given.get("query", ""))
    now = time.time()
    at = unix_seconds(given["time"]) if "time" in given else now
    found = series(run.scene, selector, np.array([at]), now) if run else []
    result = [
        {"metric": labels, "value": [at, _shown(values[0])]}
        for labels, values in found
        if not np.isnan(values[0])
    ]
    return {"resultType": "vector", "result": result}


def _range(run: Run | None, given: Mapping[str, str]) -> dict[str, Any]:
    selector = parse_selector(given.get("query", ""))
    start, end = unix_seconds(given.get("start", "")), unix_seconds(given.get("end", ""))
    step = duration_seconds(given.get("step", ""))
    if end < start:
        raise ValueError('invalid parameter "end": end timestamp must not be before start time')
    if step <= 0 or (end - start) / step > _MOST_POINTS:
        raise ValueError("exceeded maximum resolution of 11,000 points per timeseries")
    times = np.arange(start, end + 1e-6, step)
    found = series(run.scene, selector, times, time.time()) if run else []
    matrix = [{"metric": labels, "values": _points(times, values)} for labels, values in found]
    return {"resultType": "matrix", "result": [row for row in matrix if row["values"]]}


def _points(times: Floats, values: Floats) -> list[list[Any]]:
    known = ~np.isnan(values)
    pairs = zip(times[known].tolist(), values[known].tolist(), strict=True)
    return [[round(at, 3), _shown(value)] for at, value in pairs]


def _shown(value: float) -> str:
    return f"{value:.6g}" if value < 1e5 else f"{value:.0f}"


def _logs(run: Run | None, given: Mapping[str, str]) -> dict[str, Any]:
    selector = given.get("query", "").strip()
    if not (selector.startswith("{") and selector.endswith("}")):
        raise SelectorError('only a stream selector is served here, as {service="x"}')
    wanted = parse_matchers(selector[1:-1])
    now = time.time()
    end = min(now, unix_seconds(given["end"]) if "end" in given else now)
    start = unix_seconds(given["start"]) if "start" in given else end - 3600
    limit = min(_MOST_LINES, int(given.get("limit", "100")))
    forward = given.get("direction", "backward").lower() == "forward"
    drawn: list[LogLine] = []
    if run and run.knows(wanted.get("workload", "")) and wanted.get("source") == SOURCE:
        service = wanted["workload"]
        pods = run.instances.get(service, ())
        drawn = list(events(run.scene, service, max(start, run.scene.now - 2400), end, pods, run.contained))
    elif run and "service" in wanted and run.knows(wanted["service"]):
        start = max(start, run.scene.now - 2400)
        drawn = [
            line
            for line in lines(run.scene, wanted["service"], start, end, run.instances)
            if wanted.get("level", line.level) == line.level
            and wanted.get("pod", line.instance) == line.instance
        ]
    drawn.sort(key=lambda line: line.at, reverse=not forward)
    return {"resultType": "streams", "result": _streams(drawn[:limit]), "stats": {}}


def _streams(drawn: list[LogLine]) -> list[dict[str, Any]]:
    streams: dict[tuple[str, str, str], list[list[str]]] = {}
    for line in drawn:
        key = (line.service, line.level, line.instance)
        streams.setdefault(key, []).append([str(int(line.at * 1000) * 1_000_000), line.text])
    return [
        {"stream": {"service": service, "level": level, "pod": pod}, "values": values}
        for (service, level, pod), values in streams.items()
    ]
