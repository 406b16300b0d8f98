"""The HTTP face of the simulated Kubernetes API: one Starlette app over an ObjectStore.

Order as in the real server: authenticate, find the resource, authorise, decode, admit, validate, store. Nothing here
knows of scenarios; the world fills the store, kubectl changes it, the controller follows.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from bot.local.cluster import discovery
from bot.local.cluster.access import WORLD, Access, allows, verb_of
from bot.local.cluster.kinds import ACCESS_REVIEWS, Obj, Target, parse_path
from bot.local.cluster.protobuf import MEDIA_TYPE, access_review_body
from bot.local.cluster.reads import LogSource, pod_log, read
from bot.local.cluster.status import (
    ApiError,
    bad_request,
    forbidden,
    method_not_allowed,
    no_such_path,
    unauthorized,
)
from bot.local.cluster.store import ObjectStore
from bot.local.cluster.writes import Call, only_tried, write
from bot.local.mishaps import Mishaps

_MUTATING = {"POST", "PUT", "PATCH", "DELETE"}


@dataclass(frozen=True)
class ClusterRecord:
    """One mutating call, refused ones too, as an audit log would hold it."""

    user: str
    verb: str
    path: str
    dry_run: bool
    at: float
    code: int


@dataclass
class ClusterApi:
    """The API's parts; `app` is the ASGI application."""

    store: ObjectStore
    access: Access
    now: Callable[[], float]
    logs: LogSource
    records: list[ClusterRecord] = field(default_factory=list)
    mishaps: Mishaps = field(default_factory=Mishaps)

    @property
    def app(self) -> Starlette:
        """The ASGI application."""
        methods = ["GET", *sorted(_MUTATING)]
        return Starlette(routes=[Route("/{path:path}", self._answer, methods=methods)])

    async def _answer(self, request: Request) -> Response:
        user = self.access.user_of(request.headers.get("authorization", ""))
        answer = partial(self._answered, request, user)
        if user == WORLD:
            return await answer()
        return await self.mishaps.answered(f"cluster {request.method}", answer)

    async def _answered(self, request: Request, user: str | None) -> Response:
        request.state.tried = False
        response: Response
        try:
            response = await self._respond(request, user)
        except ApiError as error:
            response = JSONResponse(error.body, error.code)
        if request.method in _MUTATING and user != WORLD and "authorization.k8s.io" not in request.url.path:
            self._record(request, user or "system:anonymous", response.status_code)
        return response

    def _record(self, request: Request, user: str, code: int) -> None:
        verbs = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
        dry_run = "All" in request.query_params.getlist("dryRun") or request.state.tried
        verb = verbs[request.method]
        self.records.append(ClusterRecord(user, verb, request.url.path, dry_run, self.now(), code))

    async def _respond(self, request: Request, user: str | None) -> Response:
        path = request.url.path
        if path in {"/healthz", "/livez", "/readyz"}:
            return PlainTextResponse("ok")
        if user is None:
            raise unauthorized()
        if (found := discovery.document(path)) is not None and request.method == "GET":
            return JSONResponse(found)
        target = parse_path(path)
        if target is None:
            raise no_such_path()
        self._authorise(request, user, target)
        if request.method == "GET":
            if target.subresource == "log":
                return pod_log(self.store, self.logs, target, request)
            return read(self.store, self.now, target, request)
        return await self._change(request, user, target)

    def _authorise(self, request: Request, user: str, target: Target) -> None:
        watching = request.query_params.get("watch") in {"1", "true"}
        verb = verb_of(request.method, target.kind, target.name, watching=watching)
        if not verb:
            raise method_not_allowed()
        if not allows(user, verb, target.kind.group, target.resource):
            raise forbidden(
                user, verb, target.kind, target.resource, namespace=target.namespace, name=target.name
            )

    async def _change(self, request: Request, user: str, target: Target) -> Response:
        raw = await request.body()
        content_type = request.headers.get("content-type", "").partition(";")[0].strip()
        if target.kind == ACCESS_REVIEWS:
            review = access_review_body(raw) if content_type == MEDIA_TYPE else _object(_decoded(raw))
            return JSONResponse(discovery.access_review(user, review), 201)
        if content_type == MEDIA_TYPE:
            raise ApiError(415, "UnsupportedMediaType", "this server decodes application/json only")
        body = _decoded(raw)
        request.state.tried = only_tried(body)
        dry_run = request.query_params.getlist("dryRun")
        if dry_run not in ([], ["All"]):
            raise bad_request(f'Invalid value: {dry_run}: a valid dryRun value is "All"')
        call = Call(target, content_type, body, dry_run=bool(dry_run) or only_tried(body))
        code, result = write(self.store, self.now(), request.method, call)
        return JSONResponse(result, code)


def _decoded(raw: bytes) -> Any:
    if not raw:
        return {}
    try:
        return json.loads(raw)
    except ValueError as error:
        raise bad_request(f"the object provided is unrecognized (must be of type JSON): {error}") from error


def _object(body: Any) -> Obj:
    if not isinstance(body, dict):
        raise bad_request("the body must be a JSON object")
    return body
