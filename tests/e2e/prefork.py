"""Runs `watchkeeper` commands in children of a process that has their modules imported, since an import takes a second.

A child has its own process, environment, folder and streams, and ends as the interpreter ends; only `python -m bot` itself
is spared. `python -m tests.e2e.prefork` is the parent: a JSON line in, a pid and a wait status out.
"""

import atexit
import contextlib
import gc
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_NUMBER = 4  # Bytes of a pid or a wait status on the wire.


class Prefork:
    """The parent process of one test process, started when it is first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._parent: subprocess.Popen[bytes] | None = None

    def run(
        self, arguments: tuple[str, ...], environment: Mapping[str, str], *, timeout: float, cwd: Path
    ) -> subprocess.CompletedProcess[str]:
        """As subprocess.run with captured text; TimeoutExpired after `timeout` seconds."""
        with self._lock, tempfile.TemporaryDirectory() as folder:
            streams = [Path(folder) / name for name in ("out", "err")]
            order = [list(arguments), dict(environment), str(cwd), *map(str, streams)]
            code = self._wait(json.dumps(order), timeout, arguments)
            said = [path.read_text() for path in streams]
        return subprocess.CompletedProcess(arguments, code, *said)

    def _wait(self, order: str, timeout: float, arguments: tuple[str, ...]) -> int:
        parent = self._started()
        assert parent.stdin is not None
        assert parent.stdout is not None
        parent.stdin.write(order.encode() + b"\n")
        pid = _number(parent)
        late = not select.select([parent.stdout], [], [], timeout)[0]
        if late:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        status = _number(parent)
        if late:
            raise subprocess.TimeoutExpired(arguments, timeout)
        return os.waitstatus_to_exitcode(status)

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._parent is None:
            self._parent = subprocess.Popen(
                [sys.executable, "-m", "tests.e2e.prefork"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, cwd=ROOT,
                env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
            )  # fmt: skip
            atexit.register(self._end)
        return self._parent

    def _end(self) -> None:
        if self._parent is not None:
            self._parent.communicate()


def _number(parent: "subprocess.Popen[bytes]") -> int:
    assert parent.stdout is not None
    found = parent.stdout.read(_NUMBER)
    assert found is not None
    assert len(found) == _NUMBER, "the parent is gone"
    return int.from_bytes(found, "big")


def _become_a_child() -> list[str]:
    """Serve orders; returns in each child, with its arguments, and never in the parent."""
    for line in sys.stdin:
        arguments, environment, cwd, out, err = json.loads(line)
        _import(arguments)
        pid = os.fork()
        if pid == 0:
            os.environ.clear()
            os.environ.update(environment)
            os.chdir(cwd)
            for number, path in enumerate((os.devnull, out, err)):
                opened = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
                os.dup2(opened, number)
                os.close(opened)
            return list(arguments)
        os.write(1, pid.to_bytes(_NUMBER, "big"))
        os.write(1, os.waitpid(pid, 0)[1].to_bytes(_NUMBER, "big"))
    sys.exit()


def _import(arguments: list[str]) -> None:
    """What the command's child would import; what fails there fails there."""
    with contextlib.suppress(ImportError, IndexError):
        import_module(f"bot.cli.{arguments[0].replace('-', '_')}")
    gc.freeze()


if __name__ == "__main__":
    sys.argv = ["watchkeeper", *_become_a_child()]
    import_module("bot.cli.main").main()
