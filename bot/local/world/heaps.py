"""The heaps of the services that run a JVM, and their management door: Jolokia's protocol, a token for each role.

The state lives here and nowhere else: a collection that was asked for at this door really frees memory, and the
world heals only when it reads, at the same door, that less is used.
"""

import json
import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

_MIB = 1024 * 1024
_MEMORY, _RUNTIME = "java.lang:type=Memory", "java.lang:type=Runtime"
_OLD = "java.lang:name=G1 Old Generation,type=GarbageCollector"
_AFTER_COLLECTION = 0.04
ROLES = ("reader", "executor", "world")


@dataclass(frozen=True)
class HeapPlan:
    """The heap of each task of a service as shares of its maximum: what lives, and what a full collection frees."""

    service: str
    max_mib: int
    live: float
    garbage: float
    tasks: int


@dataclass
class Heap:
    """One service's heap now; garbage is spread over the tasks that there are, which the world keeps up to date."""

    plan: HeapPlan
    started_at: float
    garbage: float
    tasks: int
    collections: int = 0

    @property
    def used(self) -> float:
        """The share of its maximum that the heap of one task uses."""
        return min(0.995, self.plan.live + self.garbage * self.plan.tasks / max(1, self.tasks))

    def collect(self) -> None:
        """A full collection."""
        self.collections += 1
        self.garbage = min(self.garbage, _AFTER_COLLECTION)


@dataclass(frozen=True)
class ManagementRecord:
    """One changing call at the door, as `at` in unix seconds with its answer's status."""

    user: str
    service: str
    operation: str
    at: float
    status: int


@dataclass
class Management:
    """All heaps and the ASGI application of the door."""

    tokens: dict[str, str]
    heaps: dict[str, Heap] = field(default_factory=dict)
    records: list[ManagementRecord] = field(default_factory=list)

    @property
    def app(self) -> Starlette:
        """The ASGI application."""
        return Starlette(routes=[Route("/jvm/{service}/jolokia/", self._answer, methods=["POST"])])

    def set_scene(self, plans: tuple[HeapPlan, ...], now: float) -> None:
        """Forget everything and start the services' JVMs anew, days ago."""
        self.records.clear()
        self.heaps = {plan.service: Heap(plan, now - 250_000, plan.garbage, plan.tasks) for plan in plans}

    async def _answer(self, request: Request) -> Response:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        user = self.tokens.get(token) if scheme.lower() == "bearer" else None
        if user is None:
            return Response(status_code=401, headers={"WWW-Authenticate": "Bearer"})
        heap = self.heaps.get(request.path_params["service"])
        if heap is None:
            return Response(status_code=404)
        try:
            asked: dict[str, Any] = json.loads(await request.body())
            kind = asked["type"]
        except (ValueError, KeyError, TypeError):
            return JSONResponse(_error({}, 400, "java.lang.IllegalArgumentException", "Invalid JSON request"))
        if kind == "exec":
            return self._execute(user, heap, asked)
        return JSONResponse(_read(heap, asked))

    def _execute(self, user: str, heap: Heap, asked: dict[str, Any]) -> Response:
        named = (asked.get("mbean"), asked.get("operation"))
        status = 200 if user == "executor" else 403
        if status == 200 and named != (_MEMORY, "gc"):
            status = 404
        operation = ".".join(str(part) for part in named)
        self.records.append(ManagementRecord(user, heap.plan.service, operation, time.time(), status))
        if status == 403:
            return Response(status_code=403)
        if status == 404:
            return JSONResponse(_error(asked, 404, "javax.management.InstanceNotFoundException", operation))
        heap.collect()
        return JSONResponse(_told(asked, None))


def write_tokens(folder: Path) -> dict[str, str]:
    """Draw a token for each role and write those of reader and executor to files; returns the role by token."""
    folder.mkdir(parents=True, exist_ok=True)
    tokens = {secrets.token_urlsafe(24): role for role in ROLES}
    for token, role in tokens.items():
        if role != "world":
            path = folder / f"{role}.token"
            path.touch(mode=0o600)
            path.write_text(token, encoding="utf-8")
    return tokens


def _read(heap: Heap, asked: dict[str, Any]) -> dict[str, Any]:
    most = heap.plan.max_mib * _MIB
    usage = {"init": most // 4, "used": int(heap.used * most), "committed": most, "max": most}
    known: dict[tuple[str, str], Any] = {
        (_MEMORY, "HeapMemoryUsage"): usage,
        (_RUNTIME, "Name"): f"1@{heap.plan.service}",
        (_RUNTIME, "StartTime"): int(heap.started_at * 1000),
        (_OLD, "CollectionCount"): heap.collections,
    }
    named = (str(asked.get("mbean")), str(asked.get("attribute")))
    if named in known:
        return _told(asked, known[named])
    return _error(asked, 404, "javax.management.InstanceNotFoundException", ".".join(named))


def _told(asked: dict[str, Any], value: Any) -> dict[str, Any]:
    return {"request": asked, "value": value, "timestamp": int(time.time()), "status": 200}


def _error(asked: dict[str, Any], status: int, kind: str, text: str) -> dict[str, Any]:
    return {"request": asked, "error_type": kind, "error": f"{kind} : {text}", "status": status}
