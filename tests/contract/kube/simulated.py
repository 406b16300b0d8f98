"""Starts the product's simulated cluster API in a thread."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from bot.local.cluster.access import ADMIN, EXECUTOR, READER, write_token_file
from bot.local.cluster.api import ClusterApi
from bot.local.cluster.builder import build_basics
from bot.local.cluster.controller import Controller
from bot.local.cluster.identity import write_certificate, write_kubeconfig
from bot.local.cluster.kinds import Obj
from bot.local.cluster.store import ObjectStore
from bot.local.world.hosting import QuietServer, bound, server
from tests.contract.kube.cluster import NAMESPACE, Cluster, wait_until


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def simulated(folder: Path) -> Iterator[Cluster]:
    """A running simulated cluster with an empty namespace."""
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
    web = server(api.app, certificate.certificate, certificate.key)
    thread = threading.Thread(
        target=lambda: asyncio.run(_serve(web, port, Controller(store, time.time, 0.2)))
    )
    thread.start()
    try:
        wait_until(lambda: web.started, 10)
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
