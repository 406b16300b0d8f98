"""The AWS endpoint that the product sees: records each call, refuses what the identity may not, forwards the rest."""

import asyncio
import json
import time
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.local.mishaps import Mishaps
from bot.local.world.aws.account import Account
from bot.local.world.aws.calls import AwsCall, Refusal, denied, read_call, unknown_key
from bot.local.world.aws.cloudtrail import TrailEntry, lookup
from bot.local.world.aws.identities import IDENTITIES, WORLD, Identity

_HOP_HEADERS = {"connection", "content-length", "transfer-encoding", "content-encoding", "host"}
_ANYBODYS = {"sts:GetCallerIdentity"}
_METHODS = ["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH"]


@dataclass(frozen=True)
class AwsRecord:
    """One call through the front."""

    user: str
    access_key: str
    service: str
    action: str
    parameters: dict[str, Any]
    at: float
    status: int
    reading: bool


@dataclass
class AwsFront:
    """The reverse proxy; `app` is the ASGI application."""

    account: Account
    client: httpx.AsyncClient
    records: list[AwsRecord] = field(default_factory=list)
    history: list[TrailEntry] = field(default_factory=list)
    mishaps: Mishaps = field(default_factory=Mishaps)

    @property
    def app(self) -> Starlette:
        """The ASGI application."""
        return Starlette(routes=[Route("/{path:path}", self._answer, methods=_METHODS)])

    async def _answer(self, request: Request) -> Response:
        body = await request.body()
        url = request.url
        call = read_call(request.method, url.path, url.query, request.headers, body)
        identity = IDENTITIES.get(call.access_key)
        answer = partial(self._answered, request, call, identity, body)
        if identity is WORLD:
            return await answer()
        return await self.mishaps.answered(f"aws {call.action}", answer)

    async def _answered(
        self, request: Request, call: AwsCall, identity: Identity | None, body: bytes
    ) -> Response:
        at = time.time()
        if identity is None:
            response = _refused(unknown_key(call))
        elif f"{call.service}:{call.action}" not in identity.may | _ANYBODYS:
            response = _refused(denied(call, identity))
        elif call.service == "cloudtrail" and call.action == "LookupEvents":
            answer = json.dumps(lookup(self._trail(), call.parameters))
            response = Response(answer, media_type="application/x-amz-json-1.1")
        else:
            response = await self._forward(request, call, body)
        self._record(call, identity, at, response.status_code)
        return response

    async def _forward(self, request: Request, call: AwsCall, body: bytes) -> Response:
        headers = {name: value for name, value in request.headers.items() if name not in _HOP_HEADERS}
        url = self.account.url + request.url.path + (f"?{request.url.query}" if request.url.query else "")
        answer = await self.client.request(request.method, url, content=body, headers=headers)
        if not call.reading and call.service == "ecs":
            await asyncio.to_thread(self.account.settle)
        kept = {name: value for name, value in answer.headers.items() if name not in _HOP_HEADERS}
        return Response(answer.content, answer.status_code, kept)

    def _record(self, call: AwsCall, identity: Identity | None, at: float, status: int) -> None:
        user = identity.user if identity else "unknown"
        parameters = dict(call.parameters)
        self.records.append(
            AwsRecord(
                user,
                call.access_key,
                call.service,
                call.action,
                parameters,
                at=at,
                status=status,
                reading=call.reading,
            )
        )

    def _trail(self) -> list[TrailEntry]:
        """History plus the changing calls of this run; reads are data events here and left out."""
        return self.history + [
            TrailEntry(
                record.at,
                record.service,
                record.action,
                record.user,
                record.access_key,
                record.parameters,
                read_only=False,
                error="" if record.status < 400 else "AccessDenied",
            )
            for record in self.records
            if not record.reading
        ]


def _refused(refusal: Refusal) -> Response:
    return Response(refusal.body, refusal.status, media_type=refusal.content_type)
