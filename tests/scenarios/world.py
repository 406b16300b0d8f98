"""The simulated world as a process, the alerts that it posts, and the product's own sources reading it."""

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx

from bot.adapters.evidence import cluster_state, ecs, falco, kubernetes, loki, prometheus, service_graph
from bot.adapters.monitoring.alertmanager import Alertmanager
from bot.adapters.monitoring.generic import Generic
from bot.domain.alert import Alert, AlertStatus
from bot.domain.secret import SecretStr
from bot.domain.telemetry import PlannedEvent, Readings, Telemetry
from bot.settings import Settings

HISTORY_S = 2400.0


def free_ports(count: int) -> list[int]:
    """Ports on loopback that were free a moment ago."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@dataclass
class Sink:
    """A loopback endpoint that takes Alertmanager webhooks."""

    server: ThreadingHTTPServer = field(init=False)
    alerts: list[Alert] = field(default_factory=list)

    def __post_init__(self) -> None:
        sink = self

        class Door(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                parser = Generic() if self.path.endswith("generic") else Alertmanager()
                sink.alerts += parser.parse(body, source="world", received_at=time.time()).alerts
                self.send_response(202)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/alerts/alertmanager"


class World:
    """One world process; `run` starts a scenario and reads everything as an investigation would."""

    def __init__(self, folder: Path) -> None:
        self.sink = Sink()
        self.control, telemetry, cluster, aws, management, database = free_ports(6)
        options = {
            "control_port": self.control,
            "telemetry_port": telemetry,
            "cluster_port": cluster,
            "aws_port": aws,
            "management_port": management,
            "database_port": database,
            "sensor_url": self.sink.url.replace("alertmanager", "generic"),
            "sensor_token": "t",
            "alert_url": self.sink.url,
            "alert_token": "t",
            "data_dir": str(folder),
        }
        self.log = (folder / "world.log").open("wb")
        command = [sys.executable, "-m", "bot.local.world", json.dumps(options)]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.control}", timeout=10, trust_env=False)
        self.settings = Settings(
            prometheus_url=f"http://127.0.0.1:{telemetry}",
            loki_url=f"http://127.0.0.1:{telemetry}",
            runtime_streams='source="syscall"',
            kubectl=str(Path(sys.executable).parent / "kubectl")
            if (Path(sys.executable).parent / "kubectl").exists()
            else shutil.which("kubectl") or "kubectl",
            kube_reader_config=folder / "kube" / "reader.kubeconfig",
            kube_context="production",
            kube_namespace="production",
            aws_region="eu-west-1",
            aws_endpoint_url=f"http://127.0.0.1:{aws}",
            aws_reader_credentials=folder / "aws" / "reader.credentials",
            ecs_cluster="production",
            prices={"ecs.service": 4.9, "autoscaling.group": 19.2},
            audit_key=SecretStr("x"),
        )
        self._await_ready()

    def _await_ready(self) -> None:
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            try:
                if self.http.get("/healthz").status_code == 200:
                    return
            except httpx.HTTPError:
                time.sleep(0.1)
        raise AssertionError((Path(self.log.name)).read_text()[-2000:])

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(10)
        self.sink.server.shutdown()
        self.log.close()

    def start(self, scenario: str, seed: int) -> dict[str, Any]:
        """Start a scenario and wait until its storm has arrived."""
        self.sink.alerts.clear()
        started = self.http.post("/start", json={"scenario": scenario, "seed": seed})
        assert started.status_code == 200, started.text
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            facts: dict[str, Any] = self.http.get("/scenario").json()
            if facts["alerts_sent"] >= facts["alerts_planned"] and facts["started_sending_at"]:
                return facts
            time.sleep(0.05)
        raise AssertionError(f"the storm did not arrive: {facts}")

    def truth(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.http.get("/truth").json()
        return answer

    def telemetry(self, *, planned: Sequence[PlannedEvent] = ()) -> Telemetry:
        """Read metrics, logs, changes and topology through the shipped sources."""
        now = time.time()
        alerts = tuple(alert for alert in self.sink.alerts if alert.status is AlertStatus.FIRING)
        opened = min(alert.received_at for alert in alerts)
        graph = service_graph.build(self.settings).topology(now=now)
        services = list(dict.fromkeys(alert.service for alert in alerts if alert.service))
        services += sorted(graph.nodes() - set(services))
        parts = [source.collect(services, start=opened - HISTORY_S, end=now) for source in self.sources()]
        return assembled(parts, opened, now, alerts, planned, graph)

    def sources(self) -> list[Any]:
        found: list[Any] = [prometheus.build(self.settings), loki.build(self.settings)]
        found.append(falco.build(self.settings))
        found += [kubernetes.build(self.settings), cluster_state.build(self.settings)]
        return [*found, ecs.build(self.settings)]


def assembled(
    parts: Sequence[Readings],
    opened: float,
    now: float,
    alerts: tuple[Alert, ...],
    planned: Sequence[PlannedEvent],
    graph: Any,
) -> Telemetry:
    """One Telemetry from what the sources returned."""
    return Telemetry(
        opened_at=opened,
        now=now,
        alerts=alerts,
        series=tuple(series for part in parts for series in part.series),
        logs=tuple(line for part in parts for line in part.logs),
        changes=tuple(change for part in parts for change in part.changes),
        behaviours=tuple(behaviour for part in parts for behaviour in part.behaviours),
        cluster=next((part.cluster for part in parts if part.cluster is not None), None),
        topology=graph,
        planned_events=tuple(planned),
        missing=tuple(gap for part in parts for gap in part.missing),
    )


def planned_of(facts: dict[str, Any]) -> tuple[PlannedEvent, ...]:
    """The planned event that the scenario comes with, as an operator would enter it."""
    event = facts["planned_event"]
    if event is None:
        return ()
    found = PlannedEvent("P1", event["title"], event["start"], event["end"], tuple(event["services"]), "U1")
    return (found,)
