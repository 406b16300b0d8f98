"""The simulated cluster and a metrics server for executors that get killed: answers are held back or lost on the way.

What changed is read from the cluster's own record and its objects, never from what the product says.
"""

import asyncio
import contextlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from bot.domain.live_deployment import live_deployment
from bot.local.cluster.access import EXECUTOR, write_token_file
from bot.local.cluster.api import ClusterApi
from bot.local.cluster.builder import Revision, Workload, build_basics, build_workload
from bot.local.cluster.controller import Controller
from bot.local.cluster.identity import NAMESPACE, Certificate, write_certificate, write_kubeconfig
from bot.local.cluster.kinds import DEPLOYMENTS, REPLICASETS
from bot.local.cluster.store import ObjectStore
from bot.local.world.hosting import QuietServer, bound, server
from tests.contract.kube.cluster import wait_until
from tests.contract.kube.simulated import free_port

T = TypeVar("T")
_STEP_S = 0.02
_HEALTHY, _ILL = 0.001, 0.4


@dataclass
class Road:
    """Before the API: what happens to the answer of a call that changed something. `in_hand` counts open requests."""

    dice: random.Random
    api: ASGIApp
    held_s: tuple[float, ...] = (0.0, 0.05)
    lost_share: float = 0.0
    lost: int = 0
    in_hand: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; a client that was killed meanwhile is no error."""
        if scope["type"] != "http" or scope["method"] == "GET" or b"dryRun" in scope["query_string"]:
            await self.api(scope, receive, send)
            return
        lose = self.dice.random() < self.lost_share

        async def later(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                await asyncio.sleep(self.dice.choice(self.held_s))
                await send(message)
            elif not lose:
                await send(message)

        self.in_hand += 1
        self.lost += lose
        try:
            with contextlib.suppress(ClientDisconnect):
                await self.api(scope, receive, later)
        finally:
            self.in_hand -= 1


@dataclass
class OneCluster:
    """The objects and the record; `ill` are the services whose errors do not go down whatever is done."""

    folder: Path
    dice: random.Random
    ill: set[str] = field(default_factory=set)
    services: set[str] = field(default_factory=set)
    store: ObjectStore = field(default_factory=ObjectStore)
    port: int = field(default_factory=free_port)
    metrics_port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        build_basics(self.store, NAMESPACE, time.time() - 3600)
        self.certificate: Certificate = write_certificate(self.folder)
        access = write_token_file(self.folder / "tokens.csv")
        write_kubeconfig(
            self.kubeconfig,
            url=f"https://127.0.0.1:{self.port}",
            token=access.token_of(EXECUTOR),
            user=EXECUTOR,
            certificate=self.certificate.certificate,
        )
        self._api = ClusterApi(self.store, access, time.time, lambda _pod, _count: [])
        self.road = Road(self.dice, self._api.app)

    @property
    def kubeconfig(self) -> Path:
        """The executor's credentials."""
        return self.folder / "executor.kubeconfig"

    def add(self, name: str, replicas: int) -> dict[str, str]:
        """A Deployment with one older revision, complete since long; gives its live fields."""
        now = time.time()
        revisions = (Revision("shop:1", now - 9000, "one"), Revision("shop:2", now - 5000, "two"))
        workload = Workload(name, NAMESPACE, replicas, revisions)
        self._inside(lambda: build_workload(self.store, workload, now))
        return self.live(name)

    def live(self, name: str) -> dict[str, str]:
        """The live fields of a Deployment, from the objects themselves."""

        def read() -> dict[str, str]:
            found = self.store.get(DEPLOYMENTS, NAMESPACE, name)
            return live_deployment(found, list(self.store.peek(REPLICASETS, NAMESPACE)))

        return self._inside(read)

    def _inside(self, work: Callable[[], T]) -> T:
        """Run in the server's loop, which alone may touch the objects."""

        async def run() -> T:
            return work()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    def changes(self) -> Counter[str]:
        """How many of the executor's changes took effect, by name of the Deployment."""
        found: Counter[str] = Counter()
        for record in list(self._api.records):
            if record.user == EXECUTOR and not record.dry_run and record.code < 300:
                found[record.path.removesuffix("/scale").rsplit("/", 1)[-1]] += 1
        return found

    def settle(self) -> None:
        """Wait for requests of the dead: no lease ends before they are over, since kubectl is given less time."""
        while True:
            # What is on the wire yet has come in by then.
            time.sleep(_STEP_S)
            if self.road.in_hand == 0:
                return

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Serve both from a thread."""
        web = server(self.road, self.certificate.certificate, self.certificate.key)
        metrics = server(Starlette(routes=[Route("/api/v1/query_range", self._measured, methods=["POST"])]))
        thread = threading.Thread(target=lambda: asyncio.run(self._serve(web, metrics)))
        thread.start()
        try:
            wait_until(lambda: web.started and metrics.started)
            yield
        finally:
            web.should_exit = metrics.should_exit = True
            thread.join(10)

    async def _serve(self, web: QuietServer, metrics: QuietServer) -> None:
        self._loop = asyncio.get_running_loop()
        controller = Controller(self.store, time.time, 0.1)

        async def keep() -> None:
            while True:
                controller.step()
                await asyncio.sleep(_STEP_S)

        loops = asyncio.create_task(keep())
        await asyncio.gather(
            web.serve(sockets=[bound(self.port)]), metrics.serve(sockets=[bound(self.metrics_port)])
        )
        loops.cancel()

    async def _measured(self, request: Request) -> JSONResponse:
        end = float(parse_qs((await request.body()).decode())["end"][0])
        rows = [
            {"metric": {"service": name}, "values": [[end, str(_ILL if name in self.ill else _HEALTHY)]]}
            for name in self.services
        ]
        return JSONResponse({"status": "success", "data": {"resultType": "matrix", "result": rows}})
