"""The whole product on PostgreSQL: the same run, the same result."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import postgres


@pytest.fixture
def database_url() -> Iterator[str]:
    with postgres() as server:
        server.psql("CREATE DATABASE watchkeeper")
        yield str(server.get_uri("watchkeeper"))


@pytest.mark.timeout(450)
def test_a_storm_is_fixed_on_postgresql(database_url: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bot", "demo", "--scenario", "bad-deploy", "--headless", "--json"]
    done = subprocess.run(
        [*command, "--data-dir", str(tmp_path / "demo")],
        env={**os.environ, "WATCHKEEPER_DEMO_DATABASE_URL": database_url},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads(done.stdout)
    assert (result["alerts_stored"], result["executed_steps"], result["verified"]) == (1000, 1, True)
    assert not (tmp_path / "demo" / "watchkeeper.sqlite3").exists()
