"""Shared by all tests: options, a clean environment, and a store on a real SQLite file."""

import os
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

from bot.adapters.store.sql import SqlStore, open_store
from bot.settings import Settings, environment_name, load


def pytest_configure() -> None:
    """One draw for the whole run: workers inherit it, so that all of them collect the same tests."""
    os.environ.setdefault("WATCHKEEPER_TEST_DRAW", str(random.SystemRandom().randrange(10**6)))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--promise-scale", type=float, default=0.01, help="share of the full promise counts to run"
    )
    parser.addoption("--scenario-seeds", type=int, default=1, help="seeds drawn for each scenario")
    parser.addoption("--seeds", default="", help="repeat these seeds, comma separated, instead of drawing")
    parser.addoption(
        "--promise-proof", action="store_true", help="switch each promise's guard off; must break"
    )


_ON_REAL_KUBE = re.compile(r"\[(?:[^]]*-)?real(?:-[^]]*)?\]$")
_LONGEST = ("tests/scenarios/", "tests/e2e/", "tests/promises/", "tests/world/", "tests/contract/")


class ByFile(LoadFileScheduling):
    """Shares tests between workers by file, except that one real kube-apiserver serves all tests that ask for one."""

    def _split_scope(self, nodeid: str) -> str:
        return "real-kube" if _ON_REAL_KUBE.search(nodeid) else str(super()._split_scope(nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile | None:
    """Our own sharing for `--dist loadfile`; every other way is xdist's."""
    return ByFile(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest starts first, after all that shuffles, so that no worker is left alone with it at the end."""
    items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    if on_real_kube(item):
        return -1
    return next((at for at, folder in enumerate(_LONGEST) if item.nodeid.startswith(folder)), len(_LONGEST))


def on_real_kube(item: pytest.Item | None) -> bool:
    """Whether a test asks for the real kube-apiserver."""
    return item is not None and bool(_ON_REAL_KUBE.search(item.nodeid))


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the person who runs the tests may reach the product."""
    for name in list(os.environ):
        if (name.startswith("WATCHKEEPER_") and not name.startswith("WATCHKEEPER_TEST_")) or name.startswith(
            "SLACK_"
        ):
            monkeypatch.delenv(name)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Settings]:
    """Build settings from keyword arguments on top of a working minimum for this test's folder."""

    def build(**given: str) -> Settings:
        values = {
            "audit_key": "a" * 32,
            "storage_key": "s" * 32,
            "grant_key": "g" * 32,
            "data_dir": str(tmp_path),
            "database_url": f"sqlite:///{tmp_path}/watchkeeper.sqlite3",
            **given,
        }
        for name, value in values.items():
            monkeypatch.setenv(environment_name(name), value)
        for name in [name for name in os.environ if name.startswith("WATCHKEEPER_TEST_")]:
            monkeypatch.delenv(name)
        return load()

    return build


@pytest.fixture
def store(settings: Callable[..., Settings]) -> Iterator[SqlStore]:
    """A store on a real SQLite file."""
    opened = open_store(settings())
    assert isinstance(opened, SqlStore)
    yield opened
    opened.close()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
    """Say loudly, last of all, what this machine could not try; each skip's reason says what would make it possible."""
    yield
    reasons: Counter[str] = Counter()
    for report in terminalreporter.stats.get("skipped", []):
        if isinstance(report.longrepr, tuple | list):
            reasons[report.longrepr[2].removeprefix("Skipped: ")] += 1
    if not reasons:
        terminalreporter.write_line("Nothing was skipped.", green=True)
        return
    title = f"NOT TRIED ON THIS MACHINE: {sum(reasons.values())} tests"
    terminalreporter.write_sep("!", title, yellow=True, bold=True)
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"{count:4} x {reason}", yellow=True)
