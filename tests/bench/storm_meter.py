"""CPU seconds and peak memory of whole process trees, and what everything else on the machine used meanwhile."""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

TICKS = os.sysconf("SC_CLK_TCK")


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()


def cpu_s(pid: int) -> float:
    """CPU seconds of a process, its living descendants and every child that it has waited for."""
    total = 0.0
    for one in _tree(pid):
        try:
            fields = _stat(one)
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += sum(map(int, fields[11:15])) / TICKS
    return total


def _tree(pid: int) -> Iterator[int]:
    yield pid
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(word) for one in threads for word in (one / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return
    for child in children:
        yield from _tree(child)


def peak_mb(pid: int) -> float:
    """The largest resident set that the process ever had."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


def resident_mb(pid: int) -> float:
    """The resident set now."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def machine_s() -> float:
    """Busy seconds of all cores since the machine started."""
    fields = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    return (sum(fields[:8]) - fields[3] - fields[4]) / TICKS


def wait_quiet(limit_s: float | None = None, most_pct: float = 12.0) -> float:
    """Wait until the machine is nearly idle or the limit has passed; gives the last share seen, in percent."""
    limit = float(os.environ.get("PERF_WAIT", "60")) if limit_s is None else limit_s
    end = time.time() + limit
    while True:
        before = machine_s()
        time.sleep(1.0)
        share = 100 * (machine_s() - before) / (os.cpu_count() or 1)
        if share < most_pct or time.time() > end:
            return share


class Meter:
    """Counts from entering to `stop()`; `others` belong to the bench and are neither product nor foreign."""

    def __init__(self, pids: Mapping[str, int], others: Sequence[int]) -> None:
        self._pids = dict(pids)
        self._others = list(others)
        self.cpu: dict[str, float] = {}
        self.foreign_pct = 0.0

    def __enter__(self) -> Self:
        self._cpu = {name: cpu_s(pid) for name, pid in self._pids.items()}
        self._other = sum(cpu_s(pid) for pid in self._others) + time.process_time()
        self._machine = machine_s()
        self._begun = time.perf_counter()
        return self

    def __exit__(self, *_exc: object) -> None:
        wall = time.perf_counter() - self._begun
        self.cpu = {name: cpu_s(pid) - self._cpu[name] for name, pid in self._pids.items()}
        other = sum(cpu_s(pid) for pid in self._others) + time.process_time() - self._other
        foreign = machine_s() - self._machine - sum(self.cpu.values()) - other
        self.foreign_pct = 100 * max(0.0, foreign) / (wall * (os.cpu_count() or 1))
