"""Starts the world as its own process and a small HTTP sink in place of the product; used by the fixtures here."""

import csv
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

KUBECTL = Path(sys.executable).parent / "kubectl"
TOKEN = "world-test-token"
_OURS = {"world": "watchkeeper-world", "admin": "admin"}


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Sink:
    """Takes webhook bodies; answers with the first of `answers` while there are any, then with 200."""

    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    answers: list[int] = field(default_factory=list)

    def alerts(self, status: str) -> list[dict[str, Any]]:
        """All alerts of that status."""
        return [alert for body in self.bodies if body["status"] == status for alert in body["alerts"]]

    def clear(self) -> None:
        """Forget what came."""
        self.bodies.clear()


@contextmanager
def running_sink() -> Iterator[Sink]:
    """A sink on a free port."""
    sink = Sink()

    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            code = sink.answers.pop() if sink.answers else 200
            if code == 200:
                sink.bodies.append(body)
                sink.tokens.add(self.headers["authorization"])
            self.send_response(code)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    sink.url = f"http://127.0.0.1:{server.server_address[1]}/alerts/alertmanager"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield sink
    finally:
        server.shutdown()
        server.server_close()


@dataclass(frozen=True)
class Stage:
    """A running world with what a test needs to reach it."""

    control: str
    telemetry: str
    aws: str
    cluster: str
    management: str
    database_port: int
    folder: Path
    sink: Sink

    def start(self, scenario: str, seed: int) -> dict[str, Any]:
        """Start a scenario and wait until its alerts were sent; returns the facts."""
        self.sink.clear()
        httpx.post(f"{self.control}/start", json={"scenario": scenario, "seed": seed}).raise_for_status()
        return self.wait(lambda facts: facts["alerts_sent"] == facts["alerts_planned"])

    def facts(self) -> dict[str, Any]:
        """GET /scenario."""
        found: dict[str, Any] = httpx.get(f"{self.control}/scenario").json()
        return found

    def truth(self) -> dict[str, Any]:
        """GET /truth."""
        found: dict[str, Any] = httpx.get(f"{self.control}/truth").json()
        return found

    def records(self) -> dict[str, list[dict[str, Any]]]:
        """GET /_records."""
        found: dict[str, list[dict[str, Any]]] = httpx.get(f"{self.control}/_records").json()
        return found

    def wait(self, holds: Callable[[dict[str, Any]], bool], seconds: float = 60.0) -> dict[str, Any]:
        """Poll the facts until they hold; fails after the seconds."""
        deadline = time.monotonic() + seconds
        while not holds(facts := self.facts()):
            assert time.monotonic() < deadline, facts
            time.sleep(0.05)
        return facts

    def metric(self, name: str) -> dict[str, float]:
        """The present values of a metric by service."""
        answer = httpx.get(f"{self.telemetry}/api/v1/query", params={"query": name}).json()
        return {row["metric"]["service"]: float(row["value"][1]) for row in answer["data"]["result"]}

    def kubectl(self, user: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The real kubectl with the user's kubeconfig."""
        config = self.folder / "kube" / f"{user}.kubeconfig"
        if user in _OURS and not config.exists():
            self._write_own_config(config, _OURS[user])
        return subprocess.run(
            [str(KUBECTL), f"--kubeconfig={config}", f"--cache-dir={self.folder}/cache", *arguments],
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    def _write_own_config(self, config: Path, name: str) -> None:
        """A kubeconfig of an identity of the world's own, which the product is never given."""
        text = (self.folder / "kube" / "reader.kubeconfig").read_text()
        rows = csv.reader((self.folder / "kube" / "tokens.csv").read_text().splitlines())
        tokens = {user: token for token, user, *_ in rows}
        config.write_text(text.replace(tokens["watchkeeper-reader"], tokens[name]))

    def json(self, *arguments: str) -> dict[str, Any]:
        """The JSON that a kubectl call as the world's own identity prints, which may read everything but secrets."""
        found: dict[str, Any] = json.loads(self.kubectl("world", *arguments, "-o", "json").stdout)
        return found


@contextmanager
def running_world(folder: Path, time_scale: float) -> Iterator[Stage]:
    """A world process with its sink; ends with SIGTERM."""
    names = ("control_port", "telemetry_port", "cluster_port", "aws_port", "management_port", "database_port")
    ports = {name: free_port() for name in names}
    with running_sink() as sink:
        options = {
            **ports,
            "alert_url": sink.url,
            "alert_token": TOKEN,
            "sql_reader": "reads",
            "sql_executor": "acts",
            "sensor_url": sink.url,
            "sensor_token": TOKEN,
            "data_dir": str(folder),
            "time_scale": time_scale,
        }
        command = [sys.executable, "-m", "bot.local.world", json.dumps(options)]
        with (folder / "world.log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            stage = Stage(
                control=f"http://127.0.0.1:{ports['control_port']}",
                telemetry=f"http://127.0.0.1:{ports['telemetry_port']}",
                aws=f"http://127.0.0.1:{ports['aws_port']}",
                cluster=f"https://127.0.0.1:{ports['cluster_port']}",
                management=f"http://127.0.0.1:{ports['management_port']}/jvm",
                database_port=ports["database_port"],
                folder=folder,
                sink=sink,
            )
            _await_health(stage, process)
            yield stage
        finally:
            process.terminate()
            assert process.wait(timeout=15) == 0
        assert "Traceback" not in (folder / "world.log").read_text()


def _await_health(stage: Stage, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        assert process.poll() is None, (stage.folder / "world.log").read_text()
        try:
            if httpx.get(f"{stage.control}/healthz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError((stage.folder / "world.log").read_text())
