"""One package while it is being taken: files as they come, bounded in size and time, the manifest last of all.

What a command prints goes straight to its file, so that no amount of it can fill this process.
"""

import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bot.adapters.executors._kubectl_call import KubectlCall, failure
from bot.adapters.package_files import MANIFEST, digest_of, pretty
from bot.domain.errors import Permanent, Retryable, WatchkeeperError
from bot.domain.plan import PlannedStep

MOST_BYTES = 32 << 20
_LOOK_S = 0.05
_TAIL = 400


class Package:
    """`deadline` is the moment of the monotonic clock after which nothing more is begun or waited for."""

    def __init__(self, folder: Path, deadline: float, *, most_bytes: int = MOST_BYTES) -> None:
        self.folder = folder
        self._deadline = deadline
        self._most_bytes = most_bytes
        self._files: list[dict[str, Any]] = []
        self._missing: list[dict[str, str]] = []
        self._lock = threading.Lock()
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            for left_over in folder.iterdir():
                left_over.unlink()
        except OSError as error:
            message = f"the forensics folder {folder} cannot be written: {error.strerror}"
            raise Permanent(message) from error

    @property
    def left_s(self) -> float:
        """Seconds until the deadline."""
        return self._deadline - time.monotonic()

    def take(self, name: str, write: Callable[[Path], bool]) -> None:
        """Add the file that `write` makes; it says whether it had to cut. Or note why it could not be had."""
        path = self.folder / name
        try:
            if self.left_s <= 0:
                message = "no time was left for it"
                raise Retryable(message)
            path.touch(mode=0o600)
            cut = write(path)
            entry = {"name": name, "sha256": digest_of(path), "bytes": path.stat().st_size, "cut": cut}
        except WatchkeeperError as error:
            self._lack(name, path, str(error))
        except OSError as error:
            self._lack(name, path, f"it cannot be written: {error.strerror}")
        else:
            with self._lock:
                self._files.append(entry)

    def lack(self, name: str, reason: str) -> None:
        """Note something that this package does not have."""
        with self._lock:
            self._missing.append({"name": name, "reason": reason})

    def text(self, name: str, read: Callable[[], str]) -> None:
        """Add a text that is small by its nature."""

        def write(path: Path) -> bool:
            path.write_text(read(), encoding="utf-8", errors="replace")
            return False

        self.take(name, write)

    def printed(self, name: str, call: KubectlCall, command: Sequence[str]) -> None:
        """Add what a kubectl command prints, without ever holding it."""
        self.take(name, lambda path: self._print(call, command, path))

    def close(self, step: PlannedStep, token: str, at: float) -> str:
        """Write the manifest and return its SHA-256; `at` in unix seconds."""
        manifest = {
            "format": 1,
            "token": token,
            "closed_at": round(at),
            "target": {"kind": step.target.kind, "name": step.target.name, "uid": step.target.uid},
            "files": sorted(self._files, key=lambda one: one["name"]),
            "missing": sorted(self._missing, key=lambda one: one["name"]),
        }
        path = self.folder / MANIFEST
        try:
            path.touch(mode=0o600)
            path.write_text(pretty(manifest), encoding="utf-8")
        except OSError as error:
            message = f"{path} cannot be written: {error.strerror}"
            raise Permanent(message) from error
        return digest_of(path)

    @property
    def counts(self) -> tuple[int, int]:
        """How many files there are, and how many could not be had."""
        return len(self._files), len(self._missing)

    def _lack(self, name: str, path: Path, reason: str) -> None:
        path.unlink(missing_ok=True)
        self.lack(name, reason)

    def _print(self, call: KubectlCall, command: Sequence[str], path: Path) -> bool:
        environment: Mapping[str, str] = {"PATH": call.path, "HOME": str(call.home)}
        with (
            path.open("wb") as out,
            subprocess.Popen(
                call.argv(command),
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.PIPE,
            ) as running,
        ):
            cut = self._watch(running, path)
            said = b"" if cut or running.stderr is None else running.stderr.read(1 << 16)
        if cut:
            with path.open("r+b") as file:
                file.truncate(self._most_bytes)
            return True
        if running.returncode != 0:
            raise failure(said.decode("utf-8", "replace")[-_TAIL:], writes=False)
        return False

    def _watch(self, running: "subprocess.Popen[bytes]", path: Path) -> bool:
        """Wait for the end; a command that prints too much or for too long is ended, and only the former kept."""
        while running.poll() is None:
            if path.stat().st_size > self._most_bytes:
                running.kill()
                return True
            if self.left_s <= 0:
                running.kill()
                message = "it did not answer in the time that was left"
                raise Retryable(message)
            time.sleep(_LOOK_S)
        return path.stat().st_size > self._most_bytes
