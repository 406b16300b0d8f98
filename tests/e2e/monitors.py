"""A real Prometheus and a real Alertmanager on loopback, and a metrics endpoint that they scrape."""

import contextlib
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx

from tests.e2e.command import end, free_port

BINARIES = ("prometheus", "prometheus-alertmanager")

_PROMETHEUS = """\
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: [{folder}/rules.yml]
alerting:
  alertmanagers:
    - static_configs: [{{targets: ['127.0.0.1:{alertmanager}']}}]
scrape_configs:
  - job_name: shop
    static_configs: [{{targets: ['127.0.0.1:{metrics}']}}]
"""
_RULES = """\
groups:
  - name: pools
    rules:
      - alert: ConnectionPoolExhausted
        expr: pool_in_use_ratio > 0.95
        for: 1s
        labels: {severity: critical}
        annotations: {summary: "The pool of {{ $labels.service }} is at {{ $value }}"}
"""
_ALERTMANAGER = """\
route: {{receiver: watchkeeper, group_by: [alertname, service], group_wait: 1s, group_interval: 1s, repeat_interval: 3s}}
receivers:
  - name: watchkeeper
    webhook_configs:
      - url: {url}
        send_resolved: true
        http_config: {{authorization: {{type: Bearer, credentials: {token}}}}}
"""


def missing() -> str:
    """Which of the two is not installed; empty when both are."""
    absent = [name for name in BINARIES if shutil.which(name, path="/usr/bin:/usr/local/bin") is None]
    return f"not installed: {', '.join(absent)} (apt-get install {' '.join(BINARIES)})" if absent else ""


@dataclass
class Pools:
    """What the endpoint says now, by service."""

    port: int = 0
    ratios: dict[str, float] = field(default_factory=dict)


@contextlib.contextmanager
def metrics(**ratios: float) -> Iterator[Pools]:
    """An endpoint in Prometheus text format."""
    pools = Pools(ratios=dict(ratios))

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = "".join(
                f'pool_in_use_ratio{{service="{name}"}} {value}\n'
                for name, value in sorted(pools.ratios.items())
            )
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    pools.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield pools
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def monitoring(folder: Path, pools: Pools, *, url: str, token: str) -> Iterator[str]:
    """Both servers, sending to `url`; yields the address of Alertmanager."""
    prometheus, alertmanager = free_port(), free_port()
    given = {"folder": folder, "alertmanager": alertmanager, "metrics": pools.port}
    (folder / "prometheus.yml").write_text(_PROMETHEUS.format(**given))
    (folder / "rules.yml").write_text(_RULES)
    (folder / "alertmanager.yml").write_text(_ALERTMANAGER.format(url=url, token=token))
    commands = (
        [
            "/usr/bin/prometheus-alertmanager", f"--config.file={folder}/alertmanager.yml",
            f"--storage.path={folder}/alertmanager", f"--web.listen-address=127.0.0.1:{alertmanager}",
            "--cluster.listen-address=",
        ],
        [
            "/usr/bin/prometheus", f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/tsdb", f"--web.listen-address=127.0.0.1:{prometheus}",
        ],
    )  # fmt: skip
    with contextlib.ExitStack() as stack:
        for name, command, port in zip(BINARIES[::-1], commands, (alertmanager, prometheus), strict=True):
            log = stack.enter_context((folder / f"{name}.log").open("wb"))
            process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=folder)
            stack.callback(end, process)
            _await(f"http://127.0.0.1:{port}/-/ready", process, folder / f"{name}.log")
        yield f"http://127.0.0.1:{alertmanager}"


def _await(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text()
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(url, trust_env=False).status_code == 200:
                return
        time.sleep(0.1)
    raise AssertionError(log.read_text())
