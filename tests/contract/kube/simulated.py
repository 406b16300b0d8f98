"""Starts the product's simulated cluster API in a thread."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from bot.local.cluster.access import ADMIN, EXECUTOR, READER, Access, verb_of, write_token_file
from bot.local.cluster.api import ClusterApi
from bot.local.cluster.builder import build_basics
from bot.local.cluster.controller import Controller
from bot.local.cluster.identity import write_certificate, write_kubeconfig
from bot.local.cluster.kinds import Obj, parse_path
from bot.local.cluster.store import ObjectStore
from bot.local.world.hosting import QuietServer, bound, server
from tests.contract.kube.cluster import NAMESPACE, Cluster, wait_until


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Heard:
    """An ASGI application in front of another one that notes who asked for what: (user, group, resource, verb)."""

    def __init__(self) -> None:
        self.requests: set[tuple[str, str, str, str]] = set()
        self.access: Access | None = None
        self.app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app is not None
        if scope["type"] == "http":
            self._note(Request(scope))
        await self.app(scope, receive, send)

    def _note(self, request: Request) -> None:
        assert self.access is not None
        target = parse_path(request.url.path)
        user = self.access.user_of(request.headers.get("authorization", ""))
        if target is not None and user is not None:
            watching = request.query_params.get("watch") in {"1", "true"}
            verb = verb_of(request.method, target.kind, target.name, watching=watching)
            self.requests.add((user, target.kind.group, target.resource, verb))


@contextlib.contextmanager
def simulated(folder: Path, heard: Heard | None = None) -> Iterator[Cluster]:
    """A running simulated cluster with an empty namespace; `heard` notes every request."""
    port = free_port()
    certificate = write_certificate(folder)
    access = write_token_file(folder / "tokens.csv")
    configs = {}
    for name, user in (("admin", ADMIN), ("executor", EXECUTOR), ("reader", READER)):
        configs[name] = folder / f"{name}.kubeconfig"
        write_kubeconfig(
            configs[name],
            url=f"https://127.0.0.1:{port}",
            token=access.token_of(user),
            user=user,
            certificate=certificate.certificate,
        )
    store = ObjectStore()
    build_basics(store, NAMESPACE, time.time() - 3600)
    api = ClusterApi(store, access, time.time, _lines)
    if heard is not None:
        heard.access, heard.app = access, api.app
    web = server(heard or api.app, certificate.certificate, certificate.key)
    thread = threading.Thread(
        target=lambda: asyncio.run(_serve(web, port, Controller(store, time.time, 0.2)))
    )
    thread.start()
    try:
        wait_until(lambda: web.started)
        yield Cluster("simulated", configs, folder)
    finally:
        web.should_exit = True
        thread.join(10)


async def _serve(web: QuietServer, port: int, controller: Controller) -> None:
    async def keep() -> None:
        while True:
            controller.step()
            await asyncio.sleep(0.05)

    loops = asyncio.create_task(keep())
    await web.serve(sockets=[bound(port)])
    loops.cancel()


def _lines(pod: Obj, count: int) -> list[tuple[float, str]]:
    return [(time.time(), f"INFO line {number} of {pod['metadata']['name']}") for number in range(count)]
