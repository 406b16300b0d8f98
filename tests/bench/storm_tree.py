"""The product's real processes for a storm: Valkey, web, correlator, worker, executor, beside the Slack double and a graph.

The graph answers service-graph queries as a tracing back end does; every other query finds no series.
"""

import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from bot.local.demo.layout import Layout, Process, new_layout, processes
from bot.local.demo.supervisor import Supervisor
from tests.bench.storm_meter import Meter

_NOT_HERE = ("KUBE", "AWS_", "ECS_", "JVM_", "POSTGRES_", "LOKI_URL", "RUNTIME_STREAMS", "DEMO_DATABASE")
READY_S = 60.0
COUNTED_OUT = ("slack-double",)


@dataclass(frozen=True, slots=True)
class Product:
    """A running product and the eyes on it."""

    layout: Layout
    supervisor: Supervisor
    client: httpx.Client

    def pids(self) -> dict[str, int]:
        """Every process of the product, Valkey included, the Slack double not."""
        return {name: pid for name, pid in self.supervisor.pids().items() if name not in COUNTED_OUT}

    def meter(self) -> Meter:
        """A meter over the product; the double and this process are neither product nor foreign."""
        everything = self.supervisor.pids()
        return Meter(self.pids(), [everything[name] for name in COUNTED_OUT])

    def posts(self) -> list[Mapping[str, Any]]:
        """Every message that the app has posted, in every channel, as it stands now."""
        state = self.client.get(f"{self.layout.page_url}_double/state").json()
        return [m for channel in state["channels"] for m in channel["messages"] if m["bot"]]

    def slack_counts(self) -> Mapping[str, Any]:
        """How many calls of each method the double has seen."""
        return dict(self.client.get(f"{self.layout.page_url}_double/state").json()["calls"])


@contextmanager
def running(folder: Path, calls: Mapping[str, tuple[str, ...]], **more: str) -> Iterator[Product]:
    """Start everything and wait until it says that it is ready; `more` are settings of every process."""
    layout = new_layout(folder, 0)
    with (
        graph(calls) as url,
        Supervisor(layout, _children(layout, url, more), quiet=True) as supervisor,
        httpx.Client(timeout=10.0, trust_env=False) as client,
    ):
        product = Product(layout, supervisor, client)
        _await_ready(product)
        yield product


def _children(layout: Layout, graph_url: str, more: Mapping[str, str]) -> list[Process]:
    made = []
    for child in processes(layout):
        if child.name == "world":
            continue
        kept = {
            key: value
            for key, value in child.environment.items()
            if not any(key.removeprefix("WATCHKEEPER_").startswith(word) for word in _NOT_HERE)
        }
        if "WATCHKEEPER_PROMETHEUS_URL" in kept:
            kept.update(
                {
                    "WATCHKEEPER_PROMETHEUS_URL": graph_url,
                    # As in production: the demo has its incidents end, and looks about, many times as often.
                    "WATCHKEEPER_RESOLVE_AFTER_S": "300",
                    "WATCHKEEPER_WATCH_EVERY_S": "60",
                    **more,
                }
            )
        made.append(Process(child.name, child.argv, kept))
    return made


def _await_ready(product: Product) -> None:
    limit = time.monotonic() + READY_S
    while time.monotonic() < limit:
        if product.supervisor.failure:
            raise RuntimeError(product.supervisor.failure)
        try:
            ready = product.client.get(f"{product.layout.web_url}/readyz").status_code == 200
            if ready and product.client.get(f"{product.layout.page_url}_double/state").json()["connected"]:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    message = f"not ready within {READY_S:.0f} s; see {product.layout.data_dir}/logs"
    raise RuntimeError(message)


@contextmanager
def graph(calls: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """Serve the edges of `calls` on loopback; gives the URL."""
    edges = [
        {"metric": {"client": caller, "server": callee}, "value": [0, "1"]}
        for caller, callees in calls.items()
        for callee in callees
    ]

    class Answer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(parse_qs(urlsplit(self.path).query))

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", "0"))
            self._answer(parse_qs(self.rfile.read(length).decode()))

        def _answer(self, asked: Mapping[str, list[str]]) -> None:
            wanted = "service_graph" in "".join(asked.get("query", []))
            kind = "vector" if urlsplit(self.path).path.endswith("/query") else "matrix"
            data = {"resultType": kind, "result": edges if wanted else []}
            body = json.dumps({"status": "success", "data": data}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def cores() -> int:
    """How many cores this machine has."""
    return os.cpu_count() or 1
