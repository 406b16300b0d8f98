"""Runs `watchkeeper` as a process of its own, with exactly the settings that a test gives it."""

import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.e2e.prefork import ROOT, Prefork

BIN = Path(sys.executable).parent
_PREFORK = Prefork()
_KEPT = ("PATH", "HOME", "LANG", "TMPDIR")


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """A clean environment with these settings; names in lower case get the prefix, others stay."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    named = {key if key.isupper() else f"WATCHKEEPER_{key.upper()}": value for key, value in settings.items()}
    return {**kept, **named}


def minimum(folder: Path) -> dict[str, str]:
    """The keys and places that every process needs."""
    return {
        "audit_key": "a" * 32,
        "storage_key": "s" * 32,
        "grant_key": "g" * 32,
        "data_dir": str(folder),
        "database_url": f"sqlite:///{folder}/watchkeeper.sqlite3",
        "playbooks_dir": str(ROOT / "playbooks"),
        "sources": '{"prod": {"kind": "alertmanager", "token": "source-token"}}',
    }


def watchkeeper(
    *arguments: str, settings: Mapping[str, str], timeout: float = 120, cwd: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return _PREFORK.run(arguments, environment(settings), timeout=timeout, cwd=cwd)


def spawned(
    *arguments: str, settings: Mapping[str, str], log: Path, cwd: Path = ROOT
) -> "subprocess.Popen[bytes]":
    """Start a command that stays; the caller ends it by its pid."""
    with log.open("ab") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "bot", *arguments],
            env={**environment(settings), "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            cwd=cwd,
        )


def end(process: "subprocess.Popen[bytes]") -> None:
    """SIGTERM, and SIGKILL for what does not listen."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
