"""A real Prometheus and a real Alertmanager fire at the real web process and correlator: firing, repeat, resolved."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.double.conftest import Running
from tests.double.conftest import start as start_double
from tests.e2e import monitors
from tests.e2e.command import end, free_port, minimum, spawned

pytestmark = [pytest.mark.monitoring, pytest.mark.timeout(450)]
TOKEN = "source-token"
DEADLINE_S = 100.0


@dataclass
class Product:
    """The running product, seen from outside: its database file, its address, and Slack."""

    database: Path
    url: str
    double: Running

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=5)) as connection:
            return connection.execute(query).fetchall()

    def cards(self) -> list[str]:
        """The texts of what the app posted."""
        channels = self.double.state()["channels"]
        return [m["text"] for channel in channels for m in channel["messages"] if m["bot"]]

    def until(self, holds: Callable[[], bool], what: str) -> None:
        limit = time.monotonic() + DEADLINE_S
        while not holds():
            assert time.monotonic() < limit, (
                f"{what}; alerts {self.rows('SELECT * FROM alerts')}, {self.cards()}"
            )
            time.sleep(0.1)


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    """Valkey, the Slack double, web and correlator, in observe mode."""
    if monitors.missing():
        pytest.skip(f"real Prometheus and Alertmanager were NOT tried: {monitors.missing()}")
    with ExitStack() as stack:
        double = start_double()
        stack.callback(double.stop)
        web_port, valkey_port = free_port(), free_port()
        given = {
            **minimum(tmp_path),
            "demo": "true",
            "http_port": str(web_port),
            "redis_url": f"redis://127.0.0.1:{valkey_port}/0",
            "resolve_after_s": "2",
            "SLACK_BOT_TOKEN": double.options.bot_token,
            "SLACK_APP_TOKEN": double.options.app_token,
            "SLACK_API_URL": f"{double.url}/api/",
        }
        folder = str(tmp_path / "valkey")
        for name, command in (
            ("valkey", ("valkey", "--port", str(valkey_port), "--data-dir", folder)),
            ("web", ("serve", "--wait", "20")),
            ("correlator", ("correlator", "--wait", "20")),
        ):
            settings = {} if name == "valkey" else given
            process = spawned(*command, settings=settings, log=tmp_path / f"{name}.log")
            stack.callback(end, process)
        running = Product(tmp_path / "watchkeeper.sqlite3", f"http://127.0.0.1:{web_port}", double)
        _await_ready(running, tmp_path)
        yield running
    for name in ("web", "correlator"):
        assert "Traceback" not in (tmp_path / f"{name}.log").read_text()


def _await_ready(product: Product, folder: Path) -> None:
    limit = time.monotonic() + 120
    while time.monotonic() < limit:
        try:
            problems = httpx.get(f"{product.url}/readyz", trust_env=False).json()["problems"]
        except httpx.HTTPError:
            problems = ["web does not answer"]
        # No worker runs here, and none is needed from the webhook to the card.
        if problems in ([], ["no sign of life from worker"]):
            return
        time.sleep(0.2)
    raise AssertionError("".join(path.read_text() for path in folder.glob("*.log")))


def test_firing_repeat_and_resolved_reach_one_row_and_one_card(product: Product, tmp_path: Path) -> None:
    folder = tmp_path / "monitoring"
    folder.mkdir()
    with (
        monitors.metrics(checkout=0.2, cart=0.1) as pools,
        monitors.monitoring(folder, pools, url=f"{product.url}/alerts/alertmanager", token=TOKEN),
    ):
        time.sleep(2)
        assert product.rows("SELECT count(*) FROM raw_bodies") == [(0,)]  # Nothing is wrong yet.

        pools.ratios["checkout"] = 0.99
        firing = [("ConnectionPoolExhausted", "checkout", "critical", "firing")]
        query = "SELECT name, service, severity, status FROM alerts"
        product.until(lambda: product.rows(query) == firing, "the alert is stored as firing")
        product.until(lambda: any("INC-1" in text for text in product.cards()), "the card is in Slack")
        [(summary,)] = product.rows("SELECT summary FROM alerts")
        assert summary == "The pool of checkout is at 0.99"

        seen = product.rows("SELECT count(*) FROM raw_bodies")[0][0]
        product.until(
            lambda: (
                product.rows("SELECT count(*) FROM raw_bodies WHERE id NOT IN (SELECT id FROM raw_pending)")[
                    0
                ][0]
                >= seen + 2
            ),
            "Alertmanager repeats and the repeats are read",
        )
        assert product.rows(query) == firing
        assert product.rows("SELECT number, state FROM incidents") != []
        assert len(product.rows("SELECT id FROM incidents")) == 1
        posts = product.double.state()["counts"]["posts"]

        pools.ratios["checkout"] = 0.3
        product.until(
            lambda: [row[3] for row in product.rows(query)] == ["resolved"], "the alert is stored as resolved"
        )
        product.until(
            lambda: product.rows("SELECT state FROM incidents") == [("resolved",)], "the incident is resolved"
        )
        product.until(
            lambda: any("Resolved" in text or "resolved" in text for text in product.cards()),
            "Slack says that it is resolved",
        )
    assert product.rows(
        "SELECT count(*) FROM raw_bodies WHERE state != 'stored' OR id IN (SELECT id FROM raw_pending)"
    ) == [(0,)]
    # Repeats added no post; the resolution is one message of its own and one line where it was announced.
    assert product.double.state()["counts"]["posts"] <= posts + 2


def test_alertmanager_with_a_wrong_token_gets_nowhere(product: Product, tmp_path: Path) -> None:
    folder = tmp_path / "monitoring"
    folder.mkdir()
    with (
        monitors.metrics(checkout=0.99) as pools,
        monitors.monitoring(folder, pools, url=f"{product.url}/alerts/alertmanager", token="stolen"),
    ):
        log = folder / "prometheus-alertmanager.log"
        product.until(lambda: "401" in log.read_text(), "Alertmanager logs the refusal")
    assert product.rows("SELECT count(*) FROM raw_bodies") == [(0,)]
    assert product.cards() == []
