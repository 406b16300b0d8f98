"""Nagios, Icinga 2 and Monit, as Debian ships them, fire at the web application and take it back: one row, one incident."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.domain.incident import IncidentState
from bot.pipeline.correlate import Correlation, correlate
from tests.contract.monitoring.conftest import Noon, running, secret_of
from tests.contract.monitoring.fixtures import kinds, parser
from tests.e2e.other_monitors import PROGRAMS, Watched, missing

pytestmark = pytest.mark.monitoring
DEADLINE_S = 25.0


@pytest.mark.parametrize("name", PROGRAMS)
def test_it_fires_and_takes_it_back(name: str, tmp_path: Path) -> None:
    start, programs, kind = PROGRAMS[name]
    if missing(*programs):
        pytest.skip(missing(*programs))
    folder = tmp_path / name
    folder.mkdir()
    watched = Watched(folder)
    watched.say(0, "all is well")
    with running(tmp_path) as intake:
        store = intake.store
        parts = Correlation(
            store,
            {one: parser(one) for one in kinds()},
            None,
            Noon(),
            "me",
            lambda: "inc-1",
            observe_only=True,
        )
        url, token = f"http://127.0.0.1:{intake.port}", secret_of(kind, "bearer")
        with start(watched, url=url, token=token):
            time.sleep(1.5)  # It has seen that all is well.
            assert intake.stored() == 0, "it cried before anything was wrong"
            watched.say(2, '8.7 % errors, it\'s <b>bad</b> & "quoted"')
            _until(lambda: intake.stored() >= 1, folder, "the firing call is stored")
            correlate(parts)
            (row,) = store.read(lambda tx: tx.open_incidents())
            (alert,) = store.read(lambda tx: tx.incident_alerts(row.id, limit=9))
            assert (alert.status.value, alert.severity.value) == ("firing", "critical")
            assert alert.service in ("shop", "checkout")
            assert "8.7 % errors" in alert.summary
            watched.say(0, "all is well")
            _until(lambda: intake.stored() >= 2, folder, "the recovery is stored")
            correlate(parts)
        assert store.read(lambda tx: tx.firing_count(row.id)) == 0
        assert [one.id for one in store.read(lambda tx: tx.all_incidents(limit=9))] == ["inc-1"]
        assert row.state is IncidentState.INVESTIGATING


def _until(holds: Callable[[], bool], folder: Path, what: str) -> None:
    limit = time.monotonic() + DEADLINE_S
    while not holds():
        logs = [path.read_text(errors="replace")[-2000:] for path in folder.glob("*.log")]
        assert time.monotonic() < limit, (what, logs)
        time.sleep(0.1)
