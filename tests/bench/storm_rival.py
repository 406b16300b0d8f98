"""Alertmanager under the same storm: from the first byte until its webhook has told every alert. Skips where it is absent."""

import json
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx

from tests.bench.storm_load import Storm, send
from tests.bench.storm_meter import Meter, peak_mb, wait_quiet
from tests.e2e.command import free_port

PROGRAM = "prometheus-alertmanager"
INTERVAL = "100ms"
WAITS = ("0s", "100ms", "250ms", "500ms")
LIMIT_S = 120.0
_CONFIG = """
route: {{receiver: bot, group_by: [cluster], group_wait: {wait}, group_interval: {interval}, repeat_interval: 4h}}
receivers:
- name: bot
  webhook_configs: [{{url: 'http://127.0.0.1:{port}/', send_resolved: false}}]
"""
_FINGERPRINT = re.compile(rb'"fingerprint":"([0-9a-f]+)"')


def version() -> str:
    """What is installed, or an empty string."""
    if shutil.which(PROGRAM) is None:
        return ""
    said = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"version (\S+)", said.stdout + said.stderr)
    return found[1] if found else "unknown"


@contextmanager
def _sink() -> Iterator[tuple[int, list[tuple[float, bytes]]]]:
    """A webhook receiver that only keeps what it gets; it is read after the run."""
    hits: list[tuple[float, bytes]] = []

    class Take(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hits.append((time.time(), body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Take)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1], hits
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def _alertmanager(folder: Path, sink: int, wait: str) -> Iterator[tuple[int, int]]:
    port = free_port()
    (folder / "am.yml").write_text(_CONFIG.format(wait=wait, interval=INTERVAL, port=sink))
    arguments = [
        f"--config.file={folder}/am.yml",
        f"--storage.path={folder}/data",
        "--cluster.listen-address=",
    ]
    process = subprocess.Popen(
        [PROGRAM, *arguments, f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _await_ready(port)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait()


def _await_ready(port: int) -> None:
    limit = time.monotonic() + 20
    while time.monotonic() < limit:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/-/ready", trust_env=False).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.05)
    message = f"{PROGRAM} did not become ready"
    raise RuntimeError(message)


def measure(made: Storm, wait: str) -> dict[str, object]:
    """One run with one group_wait."""
    bodies = [json.dumps(json.loads(body)["alerts"]).encode() for body in made.bodies]
    # Alerts that began in the past are flushed at once, so that they begin a moment ahead.
    moment = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() + 2 + made.alerts * 3e-5))
    bodies = [re.sub(rb'"startsAt": "[^"]+"', f'"startsAt": "{moment}"'.encode(), body) for body in bodies]
    bodies = [
        re.sub(rb'"(status|endsAt|fingerprint)": "[^"]*"(, )?', b"", body).replace(b", }", b"}")
        for body in bodies
    ]
    with (
        tempfile.TemporaryDirectory() as folder,
        _sink() as (sink, hits),
        _alertmanager(Path(folder), sink, wait) as (port, pid),
    ):
        wait_quiet()
        with Meter({"alertmanager": pid}, []) as meter:
            sent = send(port, "/api/v2/alerts", "", bodies)
            told_at = _told(hits, made.alerts)
        peak = peak_mb(pid)
    return {
        "wait": wait,
        "accept_per_s": round(made.alerts / sent.seconds),
        "t_all_s": round(told_at - sent.begun_at, 4),
        "webhooks": len(hits),
        "cpu_us_per_alert": round(meter.cpu["alertmanager"] / made.alerts * 1e6, 1),
        "hwm_mb": round(peak, 1),
        "foreign_pct": round(meter.foreign_pct, 1),
        "statuses": {str(code): count for code, count in sent.statuses.items()},
    }


def _told(hits: list[tuple[float, bytes]], alerts: int) -> float:
    limit, seen, at = time.time() + LIMIT_S, set[bytes](), 0
    while time.time() < limit:
        while at < len(hits):
            when, body = hits[at]
            seen.update(_FINGERPRINT.findall(body))
            at += 1
            if len(seen) >= alerts:
                return when
        time.sleep(0.02)
    message = f"{len(seen)} of {alerts} alerts were delivered"
    raise RuntimeError(message)
