"""`watchkeeper ingest` and the test alert of `watchkeeper sources`, as commands of their own on a real store."""

import json
from pathlib import Path

from bot.adapters.store.sql import SqlStore
from tests.contract.monitoring.fixtures import fixture
from tests.e2e.command import minimum, watchkeeper


def test_files_are_taken_once_and_a_bad_one_is_refused_whole(store: SqlStore, tmp_path: Path) -> None:
    settings = {
        **minimum(tmp_path),
        "sources": '{"pd": {"kind": "pagerduty", "token": "a-secret-of-a-source"}}',
    }
    cases = fixture("pagerduty")["cases"]
    lines = [json.dumps(cases[name]["body"]) for name in ("firing", "resolved", "firing")]
    file = tmp_path / "calls.jsonl"
    file.write_text("\n".join(lines))
    shown = watchkeeper("ingest", str(file), "--source", "pd", "--lines", "--dry-run", settings=settings)
    assert [json.loads(line)["status"] for line in shown.stdout.splitlines()] == [
        "firing",
        "resolved",
        "firing",
    ]
    assert store.read(lambda tx: tx.pending_raw(limit=9)) == []
    taken = watchkeeper("ingest", str(file), "--source", "pd", "--lines", settings=settings)
    assert taken.stdout == "2 payloads taken, 1 were taken before: 2 alerts, 0 changes.\n", taken.stderr
    file.write_text("\n".join([lines[0], "{"]))
    refused = watchkeeper("ingest", str(file), "--source", "pd", "--lines", settings=settings)
    assert refused.returncode == 2
    assert "not JSON" in refused.stderr
    sent = watchkeeper("sources", "--test", "pd", settings=settings)
    assert "its card appears" in sent.stdout, sent.stderr
    kinds = [raw.kind for raw in store.read(lambda tx: tx.pending_raw(limit=9))]
    assert kinds == ["pagerduty", "pagerduty", "generic"]
