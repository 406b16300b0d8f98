"""The Web API's single door: counts, faults, tokens, rate limits, then the method; Slack's answers to all of it."""

import asyncio
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from bot.local.mishaps import CutResponse
from bot.local.slackdouble.api import chat, conversations, files, identity, people, views
from bot.local.slackdouble.api.call import Call, read_args
from bot.local.slackdouble.double import Double, Fault, SlackError
from bot.local.slackdouble.model import Json, channel_named

SCOPES = (
    "app_mentions:read,channels:history,channels:manage,channels:read,chat:write,commands,files:read,"
    "files:write,groups:history,groups:read,groups:write,im:history,im:read,im:write,pins:write,"
    "reactions:read,reactions:write,usergroups:read,users:read,users:read.email"
)
METHODS: dict[str, Callable[[Call], Json]] = {
    **identity.METHODS,
    **chat.METHODS,
    **conversations.METHODS,
    **people.METHODS,
    **views.METHODS,
    **files.METHODS,
}


def endpoint(double: Double) -> Callable[[Request], Awaitable[Response]]:
    """The route for /api/{method}."""

    async def answer(request: Request) -> Response:
        method = str(request.path_params["method"])
        double.calls[method] += 1
        fault = double.fault_for(method)
        if fault is not None and fault.kind != "posted_but_lost":
            return await _failed(double, fault)
        response = await _answer(double, method, request)
        if fault is not None:
            await asyncio.sleep(fault.seconds)
            return CutResponse()
        return response

    return answer


async def _failed(double: Double, fault: Fault) -> Response:
    double.changed()
    if fault.kind == "429":
        double.counts["rate_limited"] += 1
        return _limited(max(1, int(fault.seconds)))
    if fault.kind == "hang":
        await double.clock.sleep(fault.seconds)
        return PlainTextResponse("upstream request timeout", 504)
    return PlainTextResponse("internal error", 503 if fault.kind == "outage" else 500)


def _limited(seconds: int) -> Response:
    return JSONResponse({"ok": False, "error": "ratelimited"}, 429, headers={"Retry-After": str(seconds)})


async def _answer(double: Double, method: str, request: Request) -> Response:
    try:
        args = await read_args(request)
        call = Call(double, method, args, _token(request, args), request.headers.get("content-type", ""))
        if method not in METHODS:
            double.unknown[method] += 1
            double.counts["unknown_methods"] += 1
            double.changed()
            raise SlackError("unknown_method", req_method=method)
        _authorize(call)
        room = channel_named(double.workspace, str(args.get("channel", "")))
        wait = double.limits.wait_seconds(double.clock.now(), method, room.id if room else None)
        if wait:
            double.counts["rate_limited"] += 1
            double.changed()
            return _limited(wait)
        found = METHODS[method](call)
    except SlackError as refusal:
        return JSONResponse({"ok": False, "error": refusal.error, **refusal.more})
    return JSONResponse({"ok": True, **found}, headers={"x-oauth-scopes": SCOPES})


def _token(request: Request, args: Json) -> str:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" else str(args.pop("token", ""))


def _authorize(call: Call) -> None:
    options = call.double.options
    wants_app = call.method == "apps.connections.open"
    if not call.token:
        raise SlackError("not_authed")
    if call.token == (options.app_token if wants_app else options.bot_token):
        return
    if call.token in (options.app_token, options.bot_token):
        raise SlackError("not_allowed_token_type")
    raise SlackError("invalid_auth")
