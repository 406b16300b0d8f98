"""kill -9 of any one process in the middle of a storm: the run still ends right, nothing is lost, no step runs twice.

One product tree plays the bad deploy twice; whoever is killed in a run is back before the next one dies.
"""

import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.local.demo.drive import Drive, Orders
from bot.local.demo.judging import failures
from bot.local.demo.layout import new_layout, processes
from bot.local.demo.outside import Outside
from bot.local.demo.supervisor import Supervisor

DEADLINE_S = 180.0


class Tree:
    """One supervised product, watched through its files and its ports while a run is played on it."""

    def __init__(self, folder: Path, outside: Outside) -> None:
        self.folder = folder
        self.outside = outside
        self.began_at = 0.0

    def children(self) -> dict[str, int]:
        with contextlib.suppress(OSError, ValueError):
            return dict(json.loads((self.folder / "run.json").read_text())["children"])
        return {}

    def kill(self, name: str) -> int:
        pid = self.children()[name]
        os.kill(pid, signal.SIGKILL)
        return pid

    def replaced(self, name: str, killed: int) -> bool:
        return self.children().get(name, killed) != killed

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with contextlib.suppress(sqlite3.Error):
            path = self.folder / "watchkeeper.sqlite3"
            with contextlib.closing(
                sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=1)
            ) as connection:
                return connection.execute(query).fetchall()
        return []

    def until(self, look: Callable[[], object], run: "Future[Any]", what: str) -> None:
        end = time.monotonic() + DEADLINE_S
        while not look():
            assert not run.done(), f"the run ended before {what}: {run}"
            assert time.monotonic() < end, f"waited in vain for {what}"
            time.sleep(0.005)

    def sending(self) -> bool:
        """Whether the world has begun to post this run's alerts."""
        with contextlib.suppress(
            httpx.HTTPStatusError
        ):  # Before the first run there is no scenario to ask about.
            return float(self.outside.scenario()["started_sending_at"] or 0) > self.began_at
        return False


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tree]:
    layout = new_layout(tmp_path_factory.mktemp("demo") / "data", 0)
    with Supervisor(layout, processes(layout), quiet=True):
        outside = Outside(layout)
        yield Tree(layout.data_dir, outside)
        outside.close()


def in_the_storm(tree: Tree) -> bool:
    return tree.sending()


def payloads_pending(tree: Tree) -> object:
    return tree.rows("SELECT 1 FROM raw_pending")


def investigating(tree: Tree) -> object:
    return tree.rows("SELECT 1 FROM tasks WHERE state = 'claimed'")


def executing(tree: Tree) -> object:
    return tree.rows("SELECT 1 FROM plans WHERE state IN ('granted', 'running')")


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    "kills",
    [
        [("web", in_the_storm), ("worker", investigating), ("executor", executing)],
        # What resolves comes as payloads too, should the storm be over when the first one is back.
        [("valkey", payloads_pending), ("correlator", payloads_pending)],
    ],
    ids=lambda kills: "-".join(name for name, _middle in kills),
)
def test_a_killed_process_costs_seconds_and_nothing_else(
    tree: Tree, kills: list[tuple[str, Callable[[Tree], object]]]
) -> None:
    orders = Orders("bad-deploy", random.randrange(1, 10_000), "oncall-1", "")
    tree.began_at = time.time()
    with ThreadPoolExecutor(1) as thread:
        run = thread.submit(Drive(tree.outside, orders, deadline_s=DEADLINE_S).play)
        for name, middle in kills:
            tree.until(partial(middle, tree), run, middle.__name__)
            killed = tree.kill(name)
            tree.until(partial(tree.replaced, name, killed), run, f"{name} to be restarted")
        result = run.result()
    assert failures(result, "fixed", orders) == [], result
    assert result["alerts_stored"] == result["alerts_sent"] == 1000
    # Two that the watcher opened before the first alert came may have become one.
    lasting = f"SELECT count(*) FROM incidents WHERE opened_at > {tree.began_at} AND state != 'cancelled'"
    assert tree.rows(lasting) == [(1,)]
    assert (result["executed_steps"], result["verified"]) == (1, True)
    assert result["root_cause"] == result["true_root_cause"]
    assert result["posts"] <= 10 * result["incidents"]
    assert result["log_chain_ok"]


_SUPERVISES = """
import sys, time
from pathlib import Path
from bot.local.demo.layout import new_layout, processes
from bot.local.demo.supervisor import Supervisor
layout = new_layout(Path(sys.argv[1]), 0)
with Supervisor(layout, [one for one in processes(layout) if one.name == "valkey"], quiet=True):
    print("up", flush=True)
    time.sleep(60)
"""


def test_a_killed_supervisor_leaves_nothing_running(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    command = [sys.executable, "-c", _SUPERVISES, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        assert supervisor.stdout.readline() == "up\n"
        child = json.loads((folder / "run.json").read_text())["children"]["valkey"]
        assert Path(f"/proc/{child}").exists()
        supervisor.kill()
    end = time.monotonic() + 10.0
    while Path(f"/proc/{child}/cmdline").exists() and Path(f"/proc/{child}/cmdline").read_bytes():
        assert time.monotonic() < end, "the supervisor's child lives on"
        time.sleep(0.05)
