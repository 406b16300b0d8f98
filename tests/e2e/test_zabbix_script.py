"""The script on Zabbix's page, run by Zabbix's own engine (`zabbix_js`, of Debian's zabbix-server-pgsql)."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.contract.monitoring.conftest import running, secret_of
from tests.contract.monitoring.fixtures import AT, fixture, parser, words
from tests.e2e.other_monitors import DOCS

pytestmark = pytest.mark.monitoring
ENGINE = shutil.which("zabbix_js") or ""


def script() -> str:
    lines = (DOCS / "zabbix.md").read_text(encoding="utf-8").splitlines()
    first = lines.index("Script:") + 1
    last = next(at for at, line in enumerate(lines[first:], first) if not line.startswith("  "))
    return "\n".join(line.removeprefix("  ") for line in lines[first:last])


def test_its_engine_sends_what_the_parser_takes_and_says_what_was_refused(tmp_path: Path) -> None:
    if not ENGINE:
        pytest.skip("real zabbix_js NOT tried: not installed")
    code = tmp_path / "script.js"
    code.write_text(script())
    cases = fixture("zabbix")["cases"]
    with running(tmp_path) as intake:

        def send(name: str, token: str) -> "subprocess.CompletedProcess[str]":
            body = {key: str(value) for key, value in cases[name]["body"].items()}
            given = {**body, "url": f"http://127.0.0.1:{intake.port}/alerts/zabbix", "token": token}
            argv = [ENGINE, "-s", str(code), "-p", json.dumps(given)]
            return subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)

        for name in cases:
            sent = send(name, secret_of("zabbix", "header"))
            assert (sent.returncode, sent.stdout.strip()) == (0, "OK"), sent
        bodies = [row.body for row in intake.store.read(lambda tx: tx.pending_raw(limit=9))]
        for body, case in zip(bodies, cases.values(), strict=True):
            assert b"token" not in body
            found = parser("zabbix").parse(body, source="s", received_at=AT).alerts
            assert [words(alert) for alert in found] == case.get("expect", [])
        refused = send("firing", "wrong")
        assert refused.returncode != 0
        assert "wrong proof" in refused.stdout + refused.stderr
