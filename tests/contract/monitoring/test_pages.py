"""The set-up on a source's page, done as it stands there: the settings line by a shell, the scripts by their interpreter."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from bot.adapters import registry
from bot.settings import load
from tests.contract.monitoring.conftest import Intake, secret_of
from tests.contract.monitoring.fixtures import AT, fixture, parser
from tests.promises.served import HOST

DOCS = Path(__file__).resolve().parents[3] / "docs" / "sources"
OVER_HTTP = [kind for kind in registry.names("monitoring") if kind != "slack"]


def page(kind: str) -> str:
    return (DOCS / f"{kind}.md").read_text(encoding="utf-8").split("## What a call becomes")[0]


def script(kind: str, intake: Intake) -> str:
    """The Python script that the page gives, with its HOST filled in."""
    lines = page(kind).splitlines()
    first = next(at for at, line in enumerate(lines) if "#!/usr/bin/env python3" in line)
    last = next(at for at, line in enumerate(lines[first:], first) if not line.startswith("  "))
    text = "\n".join(line.removeprefix("  ") for line in lines[first:last])
    return text.replace("https://HOST", f"http://{HOST}:{intake.port}")


def ran(text: str, *arguments: str, **environment: str) -> None:
    given = {"PATH": os.environ["PATH"], **environment}
    subprocess.run([sys.executable, "-c", text, *arguments], env=given, check=True, timeout=30)


def newest(intake: Intake) -> bytes:
    return intake.store.read(lambda tx: tx.pending_raw(limit=1000))[-1].body


@pytest.mark.parametrize("kind", OVER_HTTP)
def test_the_settings_line_is_one_that_a_shell_takes(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = next(part for part in page(kind).split("`") if part.startswith("WATCHKEEPER_SOURCES="))
    (word,) = shlex.split(line.replace("TOKEN", "t" * 64).replace("REGION:ACCOUNT", "eu-west-1:123456789012"))
    name, _, value = word.partition("=")
    if kind == "mapped":
        value = value.replace("/etc/watchkeeper/backups.toml", str(tmp_path / "backups.toml"))
    monkeypatch.setenv(name, value)
    assert load().sources["NAME"].kind == kind


def test_checkmk_sends_its_variables_and_no_token(intake: Intake) -> None:
    said = {f"NOTIFY_{key}": value for key, value in fixture("checkmk")["cases"]["firing"]["body"].items()}
    token, before = secret_of("checkmk", "bearer"), intake.stored()
    ran(script("checkmk", intake), NOTIFY_PARAMETER_1=token, NOTIFY_PARAMETERS=token, **said)
    assert intake.stored() == before + 1
    assert token.encode() not in newest(intake)
    assert len(parser("checkmk").parse(newest(intake), source="s", received_at=AT).alerts) == 1


def test_a_script_of_checkmk_that_sends_its_parameters_leaves_none_in_a_label() -> None:
    body = {**fixture("checkmk")["cases"]["firing"]["body"], "PARAMETER_1": "secret", "PARAMETERS": "secret"}
    (found,) = parser("checkmk").parse(json.dumps(body).encode(), source="s", received_at=AT).alerts
    assert "secret" not in str(found)
    assert "CONTACTNAME" in found.labels


def test_wazuh_sends_the_alert_that_it_was_given(intake: Intake, tmp_path: Path) -> None:
    alert, before = tmp_path / "alert.json", intake.stored()
    alert.write_text(json.dumps(fixture("wazuh")["cases"]["firing"]["body"]))
    address = f"http://{HOST}:{intake.port}/alerts/wazuh"
    ran(script("wazuh", intake), str(alert), secret_of("wazuh", "bearer"), address)
    assert intake.stored() == before + 1


@pytest.mark.parametrize("told", ["sync", "health"])
def test_an_application_of_argo_cd_with_nothing_in_its_state_is_no_error(told: str) -> None:
    """What the page's template gives where a field is missing: an empty text, and never `<no value>` or null."""
    empty = dict.fromkeys(("namespace", "phase", "health", "revision", "finished_at", "by", "message"), "")
    body = {"told": told, "app": "checkout", "url": "https://argocd.example/applications/checkout", **empty}
    found = parser("argocd").parse(json.dumps(body).encode(), source="s", received_at=AT)
    assert found.note
    failed = {**body, "phase": "Failed", "health": "Degraded", "message": 'one "object" failed'}
    found = parser("argocd").parse(json.dumps(failed).encode(), source="s", received_at=AT)
    assert len(found.changes) + len(found.alerts) == 1
