"""`python -m tests.bench.button_acks`: signed button presses at the product's real door beside Bolt's defaults, in one run.

Eight in flight. Ours is the whole web process with its database: a press is acknowledged when it is committed, and decided
meanwhile. Bolt's apps do nothing but acknowledge. One JSON line; `ratio` is our median by that of Bolt's AsyncApp.
"""

import argparse
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import httpx

from bot.local.demo.layout import Process, new_layout, processes
from bot.local.demo.supervisor import Supervisor
from bot.local.slackdouble.signed import sign
from tests.bench.bolt_server import ACTION, KINDS, PATH
from tests.bench.storm_load import Sent, blast
from tests.bench.storm_meter import Meter, wait_quiet

SECRET = "local-signing-secret"
FORM = "application/x-www-form-urlencoded"
READY_S = 60.0
WARM = 200
SLOW = ("sync",)


def main() -> int:
    """Ours and each of Bolt's, `--pairs` times in turn; the median of each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--presses", type=int, default=2000)
    parser.add_argument("--pairs", type=int, default=3)
    given = parser.parse_args()
    rows: dict[str, list[dict[str, float]]] = {}
    for _ in range(given.pairs):
        with _product() as (port, pid):
            rows.setdefault("ours", []).append(_measured(port, pid, given.presses))
        for kind in KINDS:
            with _bolt(kind) as (port, pid):
                presses = given.presses // 5 if kind in SLOW else given.presses
                rows.setdefault(kind, []).append(_measured(port, pid, presses))
    told = {
        name: {key: round(statistics.median(row[key] for row in found), 3) for key in found[0]}
        for name, found in rows.items()
    }
    ours = told["ours"]["p50_ms"]
    ratios = {f"ratio_{kind}": round(ours / told[kind]["p50_ms"], 3) for kind in KINDS}
    print(json.dumps({"bench": "button_acks", "ratio": ratios["ratio_async"], **ratios, **told}), flush=True)
    return 0


def _measured(port: int, pid: int, presses: int) -> dict[str, float]:
    blast(port, _requests("warm", WARM))
    wait_quiet()
    with Meter({"server": pid}, []) as meter:
        sent: Sent = blast(port, _requests("press", presses))
    if set(sent.statuses) != {200}:
        message = f"not every press was acknowledged: {sent.statuses}"
        raise RuntimeError(message)
    latencies = sorted(sent.latencies)
    return {
        "p50_ms": latencies[len(latencies) // 2] * 1e3,
        "p99_ms": latencies[int(len(latencies) * 0.99)] * 1e3,
        "acks_per_s": presses / sent.seconds,
        "cpu_us": meter.cpu["server"] / presses * 1e6,
        "foreign_pct": meter.foreign_pct,
    }


def _requests(name: str, count: int) -> Sequence[bytes]:
    now = int(time.time())
    return [_request(f"{name}-{number}", now) for number in range(count)]


def _request(name: str, now: int) -> bytes:
    """One press on a message of three sections, signed as Slack signs it."""
    section = {"type": "section", "text": {"type": "mrkdwn", "text": "Roll the deployment back. " * 12}}
    button = {"type": "button", "action_id": ACTION, "text": {"type": "plain_text", "text": "Approve"}}
    actions = {"type": "actions", "block_id": "b", "elements": [{**button, "value": "0" * 64}]}
    message = {"ts": "1.1", "text": "Proposal", "user": "U0BOT", "blocks": [section] * 3 + [actions]}
    payload = {
        "type": "block_actions",
        "user": {"id": "U0ONCALL1", "team_id": "T0LOCAL"},
        "team": {"id": "T0LOCAL", "domain": "local"},
        "api_app_id": "A0LOCAL",
        "token": "local",
        "container": {"type": "message", "message_ts": "1.1", "channel_id": "C0ALERTS"},
        "channel": {"id": "C0ALERTS", "name": "alerts"},
        "message": message,
        "trigger_id": f"{name}.{now}.local",
        "response_url": "http://127.0.0.1:1/response",
        "actions": [{"type": "button", "action_id": ACTION, "block_id": "b", "value": "0" * 64, "action_ts": "1.2"}],
    }  # fmt: skip
    body = urlencode({"payload": json.dumps(payload)}).encode()
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {FORM}\r\n"
        f"X-Slack-Request-Timestamp: {now}\r\nX-Slack-Signature: {sign(SECRET, now, body)}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@contextmanager
def _product() -> Iterator[tuple[int, int]]:
    """Web in HTTP mode with its queue and a local Slack; port and pid."""
    with tempfile.TemporaryDirectory(prefix="watchkeeper-bench-", ignore_cleanup_errors=True) as folder:
        layout = new_layout(Path(folder), 0)
        wanted = [_signed(one) for one in processes(layout) if one.name in ("valkey", "slack-double", "web")]
        with Supervisor(layout, wanted, quiet=True) as supervisor:
            _await(f"{layout.web_url}/healthz")
            yield layout.ports.web, supervisor.pids()["web"]


def _signed(child: Process) -> Process:
    return replace(child, environment={**child.environment, "WATCHKEEPER_SLACK_MODE": "http"})


@contextmanager
def _bolt(kind: str) -> Iterator[tuple[int, int]]:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [sys.executable, "-m", "tests.bench.bolt_server", kind, SECRET, str(port)]
    process = subprocess.Popen(command)
    try:
        _await(f"http://127.0.0.1:{port}/")
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(10)


def _await(url: str) -> None:
    """Until the server answers anything but that it is not ready."""
    limit = time.monotonic() + READY_S
    while time.monotonic() < limit:
        try:
            if httpx.get(url, trust_env=False, timeout=2.0).status_code != 503:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    message = f"{url} did not answer within {READY_S:.0f} s"
    raise RuntimeError(message)


if __name__ == "__main__":
    sys.exit(main())
