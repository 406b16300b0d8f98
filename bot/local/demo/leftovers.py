"""Ends the children of a demo whose supervisor was killed: at the next start, and at once through the warden.

The warden is this file run as a process of its own. It waits for the end of its standard input, which the supervisor
holds open as long as it lives, so that even kill -9 of the supervisor leaves nothing running.
"""

import contextlib
import json
import os
import signal
import sys
from pathlib import Path


def end_leftovers(data_dir: Path) -> None:
    """End what `run.json` in the data directory names and is still ours, by pid and by command line."""
    note = data_dir / "run.json"
    try:
        children = json.loads(note.read_text())["children"]
    except FileNotFoundError:
        return
    for pid in children.values():
        if _is_ours(pid):
            signal_group(pid, signal.SIGKILL)
    note.unlink(missing_ok=True)


def signal_group(pid: int, number: int) -> None:
    """Signal a child with everything that it started; one that is gone is no error."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _is_ours(pid: int) -> bool:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return b"\0-m\0bot\0" in command or b"valkey" in command


if __name__ == "__main__":
    sys.stdin.buffer.read()
    end_leftovers(Path(sys.argv[1]))
