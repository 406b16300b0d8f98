"""The promises harness: each test says what it tried and what broke; the counts are printed, and proven by faults.

`promise(number)` gives a Tally. `--promise-scale` is the share of the full counts (1.0 in `make promises`, 0.01 in
`make test`). With `--promise-proof` the module's `plant(monkeypatch)` switches off the guard that the test claims to
test, and the test must then report at least one break.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from tests.contract.reasoner.endpoint import Endpoint
from tests.contract.standing import standing


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


_PROPERTY = "promise"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A run of many times the published counts has no time limit."""
    if float(config.getoption("--promise-scale")) > 1:
        for item in items:
            item.add_marker(pytest.mark.timeout(0), append=False)


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
        request.node.user_properties.append((_PROPERTY, [one.number, one.count, len(one.breaks)]))
        if one.count == 0:
            pytest.fail(f"promise {one.number}: nothing was tried")
        if planted and not one.breaks:
            pytest.fail(f"promise {one.number}: the guard was switched off and nothing broke")
        if not planted and one.breaks:
            pytest.fail(f"promise {one.number}: {len(one.breaks)} broken, first: {one.breaks[0]}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line a promise, summed over tests and worker processes."""
    tried: Counter[int] = Counter()
    broken: Counter[int] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", "") != "teardown":
                continue
            for name, value in report.user_properties:
                if name == _PROPERTY:
                    tried[value[0]] += value[1]
                    broken[value[0]] += value[2]
    for number in sorted(tried):
        terminalreporter.write_line(f"promise {number}: {tried[number]} tried, {broken[number]} broken")


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """A stand-in for the model's server."""
    with standing(Endpoint()) as opened:
        yield opened
