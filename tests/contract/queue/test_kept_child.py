"""The child that runs jobs: kept while it is clean, replaced where it died, hung, grew old or left something behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

from bot.adapters.queue.kept_child import KeptChild
from bot.domain.errors import Permanent
from bot.wiring import worker

LEAK, CRASH, HANG, LINGER = 2, 3, 4, 5


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], list[list[str]]]:
    """Jobs say which process ran them, and what was bound for log lines before; some then misbehave."""
    notes = tmp_path / "notes"
    notes.touch()

    def work(task: int) -> None:
        bound = structlog.contextvars.get_contextvars()
        with notes.open("a") as note:
            note.write(f"{task} {os.getpid()} {bound.get('incident', '-')}\n")
        structlog.contextvars.bind_contextvars(incident=f"inc-{task}")
        if task == CRASH:
            os.kill(os.getpid(), signal.SIGKILL)
        if task == HANG:
            time.sleep(600)
        if task == LINGER:
            threading.Thread(target=time.sleep, args=(600,), daemon=True).start()

    monkeypatch.setattr(worker, "work_on", work)
    return lambda: [line.split() for line in notes.read_text().splitlines()]


@pytest.fixture
def child() -> Iterator[KeptChild]:
    made = KeptChild(lambda: None, most_jobs=4)
    yield made
    made.end()


def test_a_child_that_cannot_be_prepared_says_why() -> None:
    def prepare() -> None:
        reason = "the database cannot be used"
        raise Permanent(reason)

    made = KeptChild(prepare)
    with pytest.raises(Permanent, match=r"^the database cannot be used$"):
        made.start()
    assert made.end() == 0, "there is none"


def test_a_clean_child_is_kept_and_its_jobs_share_no_context(
    child: KeptChild, told: Callable[[], list[list[str]]]
) -> None:
    for task in (1, LEAK, 1):
        child.run("bot.jobs.work", task)
    assert [(task, bound) for task, _, bound in told()] == [("1", "-"), ("2", "-"), ("1", "-")]
    pids = {pid for _, pid, _ in told()}
    assert len(pids) == 1
    assert str(os.getpid()) not in pids


def test_a_job_that_dies_takes_nobody_with_it(child: KeptChild, told: Callable[[], list[list[str]]]) -> None:
    child.run("bot.jobs.work", 1)
    with pytest.raises(Permanent, match="exit code -9"):
        child.run("bot.jobs.work", CRASH)
    child.run("bot.jobs.work", 1)
    first, died, after = (pid for _, pid, _ in told())
    assert first == died != after


def test_whoever_gives_up_waiting_ends_the_child(
    child: KeptChild, told: Callable[[], list[list[str]]]
) -> None:
    """As RQ's time limit does: by an exception out of a signal."""

    def give_up(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        with pytest.raises(TimeoutError):
            child.run("bot.jobs.work", HANG)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    [[_, hung, _]] = told()
    with pytest.raises(ProcessLookupError):
        os.kill(int(hung), 0)
    child.run("bot.jobs.work", 1)
    assert told()[1][1] != hung


def test_what_a_job_leaves_running_and_age_end_a_child(
    child: KeptChild, told: Callable[[], list[list[str]]]
) -> None:
    for task in (LINGER, 1, 1, 1, 1, 1):
        child.run("bot.jobs.work", task)
    pids = [pid for _, pid, _ in told()]
    assert [pids.index(pid) for pid in pids] == [0, 1, 1, 1, 1, 5]


def test_nothing_but_our_jobs_is_run(child: KeptChild) -> None:
    with pytest.raises(Permanent, match="exit code 1"):
        child.run("os.getpid", 1)


HANGING_ORPHAN = """
import os, sys, time
from types import SimpleNamespace
from bot.adapters.queue.kept_child import KeptChild
def hang(task):
    print(os.getpid(), flush=True)
    os.kill(os.getppid(), 9)
    time.sleep(60)
sys.modules["bot.wiring.worker"] = SimpleNamespace(work_on=hang)
KeptChild(lambda: None, longest_s=1).run("bot.jobs.work", 1)
"""


def test_a_child_that_hangs_ends_though_its_parent_was_killed() -> None:
    parent = subprocess.Popen([sys.executable, "-c", HANGING_ORPHAN], stdout=subprocess.PIPE, text=True)
    told, _ = parent.communicate(timeout=20)
    assert parent.returncode == -signal.SIGKILL
    assert int(told) != parent.pid


ORPHAN = """
import os
from bot.adapters.queue.kept_child import KeptChild
KeptChild(lambda: print(os.getpid(), flush=True)).start()
os.kill(os.getpid(), 9)
"""


def test_a_child_ends_with_its_parent() -> None:
    """Killed, so that it cannot say so."""
    parent = subprocess.Popen([sys.executable, "-c", ORPHAN], stdout=subprocess.PIPE, text=True)
    told, _ = parent.communicate(timeout=60)  # Until the child, too, has closed its output.
    assert parent.returncode == -signal.SIGKILL
    assert int(told) != parent.pid
