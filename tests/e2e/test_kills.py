"""kill -9 of any one process in the middle of a storm: the run still ends right, nothing is lost, no step runs twice."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

DEADLINE_S = 90.0


class Run:
    """One headless demo as a subprocess, watched through its files and its ports."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        command = [sys.executable, "-m", "bot", "demo", "--scenario", "bad-deploy", "--headless", "--json"]
        self.process = subprocess.Popen(
            [*command, "--data-dir", str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def note(self) -> dict[str, Any]:
        with contextlib.suppress(OSError, ValueError):
            return dict(json.loads((self.folder / "run.json").read_text()))
        return {"children": {}, "ports": {}}

    def kill(self, name: str) -> int:
        pid = int(self.note()["children"][name])
        os.kill(pid, signal.SIGKILL)
        return pid

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with contextlib.suppress(sqlite3.Error):
            path = self.folder / "watchkeeper.sqlite3"
            with contextlib.closing(
                sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=1)
            ) as connection:
                return connection.execute(query).fetchall()
        return []

    def until(self, look: Callable[[], object], what: str) -> None:
        end = time.monotonic() + DEADLINE_S
        while not look():
            assert self.process.poll() is None, (
                f"ended while waiting for {what}: {self.process.communicate()[1][-2000:]}"
            )
            assert time.monotonic() < end, f"waited in vain for {what}"
            time.sleep(0.005)

    def sending(self) -> bool:
        """Whether the world has begun to post alerts."""
        with contextlib.suppress(httpx.HTTPError, KeyError):
            answer = httpx.get(f"http://127.0.0.1:{self.note()['ports']['control']}/scenario", timeout=2)
            return answer.status_code == 200 and bool(answer.json()["started_sending_at"])
        return False

    def result(self) -> dict[str, Any]:
        out, errors = self.process.communicate(timeout=150)
        assert self.process.returncode == 0, errors[-3000:]
        return dict(json.loads(out.strip().splitlines()[-1]))


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    started = Run(tmp_path / "demo")
    yield started
    if started.process.poll() is None:
        started.process.terminate()
        started.process.communicate(timeout=30)


def in_the_storm(run: Run) -> None:
    run.until(run.sending, "the storm")


def payloads_pending(run: Run) -> None:
    run.until(lambda: run.rows("SELECT 1 FROM raw_bodies WHERE state = 'pending'"), "a pending payload")


def investigating(run: Run) -> None:
    run.until(lambda: run.rows("SELECT 1 FROM tasks WHERE state = 'claimed'"), "an investigation")


def executing(run: Run) -> None:
    run.until(
        lambda: run.rows("SELECT 1 FROM plans WHERE state IN ('granted', 'running')"), "an approved plan"
    )


@pytest.mark.timeout(200)
@pytest.mark.parametrize(
    ("name", "middle"),
    [
        ("web", in_the_storm),
        ("correlator", payloads_pending),
        ("worker", investigating),
        ("executor", executing),
        ("valkey", payloads_pending),
    ],
)
def test_a_killed_process_costs_seconds_and_nothing_else(
    run: Run, name: str, middle: Callable[[Run], None]
) -> None:
    middle(run)
    killed = run.kill(name)
    at = time.monotonic()
    run.until(lambda: run.note()["children"].get(name, killed) != killed, f"{name} to be restarted")
    assert time.monotonic() - at < 1.5
    result = run.result()
    assert result["alerts_stored"] == result["alerts_sent"] == 1000
    assert (result["incidents"], result["executed_steps"], result["verified"]) == (1, 1, True)
    assert result["root_cause"] == result["true_root_cause"]
    assert result["posts"] <= 10
    assert result["log_chain_ok"]
