"""The promises harness: each test says what it tried and what broke; the counts are printed, and proven by faults.

`promise(number)` gives a Tally. `--promise-scale` is the share of the full counts (1.0 in `make promises`, 0.01 in
`make test`). With `--promise-proof` the module's `plant(monkeypatch)` switches off the guard that the test claims to
test, and the test must then report at least one break.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest


@dataclass
class Tally:
    """What one promise test did. `broken` collects descriptions, it never raises."""

    number: int
    scale: float
    count: int = 0
    breaks: list[str] = field(default_factory=list)

    def size(self, full: int, *, least: int = 1) -> int:
        """How many trials to run now, where `full` is the published number."""
        return max(least, round(full * self.scale))

    def tried(self, count: int = 1) -> None:
        self.count += count

    def broken(self, description: str) -> None:
        self.breaks.append(description)

    def check(self, holds: bool, description: str) -> None:
        """Count one trial and note a break where it does not hold."""
        self.tried()
        if not holds:
            self.broken(description)


_TALLIES = pytest.StashKey[dict[int, list[Tally]]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_TALLIES] = {}


@pytest.fixture
def planted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """In proof mode, switch off the guard under test."""
    proof = bool(request.config.getoption("--promise-proof"))
    if proof:
        plant = getattr(request.module, "plant", None)
        if plant is None:
            pytest.fail(
                f"{request.module.__name__} has no plant(monkeypatch): a promise test ships its fault"
            )
        plant(monkeypatch)
    return proof


@pytest.fixture
def promise(request: pytest.FixtureRequest, planted: bool) -> Iterator[Callable[[int], Tally]]:
    """Give out tallies, and judge them when the test is over."""
    given: list[Tally] = []

    def tally(number: int) -> Tally:
        given.append(Tally(number, float(request.config.getoption("--promise-scale"))))
        return given[-1]

    yield tally
    for one in given:
        request.config.stash[_TALLIES].setdefault(one.number, []).append(one)
        if one.count == 0:
            pytest.fail(f"promise {one.number}: nothing was tried")
        if planted and not one.breaks:
            pytest.fail(f"promise {one.number}: the guard was switched off and nothing broke")
        if not planted and one.breaks:
            pytest.fail(f"promise {one.number}: {len(one.breaks)} broken, first: {one.breaks[0]}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for number, tallies in sorted(config.stash[_TALLIES].items()):
        tried = sum(tally.count for tally in tallies)
        broken = sum(len(tally.breaks) for tally in tallies)
        terminalreporter.write_line(f"promise {number}: {tried} tried, {broken} broken")
