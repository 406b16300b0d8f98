"""`init --demo` and `honcho start` bring up what `make demo` runs, and end all of it."""

import contextlib
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.command import BIN, ROOT, environment, watchkeeper

PROCFILE = (ROOT / "Procfile").read_text()
PORTS = sorted({int(port) for port in re.findall(r"(?:port |127\.0\.0\.1:)(\d{4})", PROCFILE)})


def listening(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.5):
        return True
    return False


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder like the repository's, in which `var/` is this test's own."""
    for name in (".venv", "playbooks", "Procfile"):
        (tmp_path / name).symlink_to(ROOT / name)
    done = watchkeeper("init", "--demo", settings={}, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return tmp_path


@pytest.fixture
def honcho(folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    taken = [port for port in PORTS if listening(port)]
    if taken:
        pytest.skip(f"the Procfile was NOT started: its ports {taken} are in use; end what uses them")
    with (folder / "honcho.log").open("wb") as log:
        process = subprocess.Popen(
            [BIN / "honcho", "start"], cwd=folder, env=environment({}), stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def test_the_env_file_and_the_procfile_name_the_same_ports(folder: Path) -> None:
    named = {int(port) for port in re.findall(r"127\.0\.0\.1:(\d{4})", (folder / ".env").read_text())}
    web = int(re.findall(r"WATCHKEEPER_HTTP_PORT=(\d+)", (folder / ".env").read_text())[0])
    assert named | {web} <= set(PORTS)
    assert set(re.findall(r"^(\w+):", PROCFILE, re.MULTILINE)) == {
        "valkey", "slack", "world", "web", "correlator", "worker", "executor",
    }  # fmt: skip


def test_every_process_comes_up_and_ends(folder: Path, honcho: "subprocess.Popen[bytes]") -> None:
    limit = time.monotonic() + 120
    problems: list[str] = ["nothing answers yet"]
    while problems and time.monotonic() < limit:
        assert honcho.poll() is None, (folder / "honcho.log").read_text()[-3000:]
        with contextlib.suppress(httpx.HTTPError):
            problems = httpx.get("http://127.0.0.1:8080/readyz", trust_env=False).json()["problems"]
        time.sleep(0.2)
    assert problems == []
    assert httpx.get("http://127.0.0.1:8065/", trust_env=False).status_code == 200
    assert all(listening(port) for port in PORTS)
    honcho.send_signal(signal.SIGTERM)
    honcho.wait(timeout=30)
    assert [port for port in PORTS if listening(port)] == []
