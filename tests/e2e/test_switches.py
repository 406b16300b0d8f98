"""stop, freeze, report, sources and init from the command line, on a real database and with nothing else running."""

import json
import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.adapters.store.sql import SqlStore
from bot.domain.event import TENANT_CHAIN, EventType
from bot.domain.incident import Severity
from bot.pipeline.declare import declare_by_hand
from bot.settings import Settings
from tests.e2e.command import minimum, watchkeeper

NOW = 1_750_000_000.0


@pytest.fixture
def declared(store: SqlStore) -> str:
    """The id of INC-1."""
    store.transact(
        lambda tx: declare_by_hand(
            tx,
            incident="inc-under-test",
            title="Checkout errors",
            severity=Severity(3),
            by="U1",
            now=NOW,
            observe_only=True,
        )
    )
    return "inc-under-test"


def last_on_tenant_chain(store: SqlStore) -> tuple[EventType, dict[str, object]]:
    event = store.read(lambda tx: tx.events(TENANT_CHAIN))[-1]
    return event.type, dict(event.body)


@pytest.mark.parametrize(
    ("command", "scope"),
    [("stop", "tenant"), ("freeze", "service:checkout"), ("stop", "action:ecs/set-desired-count")],
)
def test_a_switch_is_set_logged_and_lifted(store: SqlStore, tmp_path: Path, command: str, scope: str) -> None:
    done = watchkeeper(command, scope, settings=minimum(tmp_path))
    assert done.returncode == 0, done.stderr
    assert store.read(lambda tx: tx.switched_on([scope])) == scope
    kind, body = last_on_tenant_chain(store)
    assert kind is EventType.SWITCH_SET
    assert body["scope"] == scope
    assert body["on"] is True
    assert str(body["by"]).startswith("cli:")

    assert watchkeeper(command, scope, "--off", settings=minimum(tmp_path)).returncode == 0
    assert store.read(lambda tx: tx.switched_on([scope])) is None
    assert last_on_tenant_chain(store)[1]["on"] is False
    assert watchkeeper("audit", "verify", settings=minimum(tmp_path)).returncode == 0


def test_a_freeze_with_a_time_is_entered_logged_and_lifted(store: SqlStore, tmp_path: Path) -> None:
    done = watchkeeper(
        "freeze", "service:checkout", "--for", "2h", "--reason", "quarter end", settings=minimum(tmp_path)
    )
    assert done.returncode == 0, done.stderr
    assert "It ends by itself" in done.stdout
    (window,) = store.read(lambda tx: tx.freezes(after=0.0))
    assert (window.scope, window.reason, window.ends_at - window.starts_at) == (
        "service:checkout", "quarter end", 7200.0,
    )  # fmt: skip
    assert store.read(lambda tx: tx.switched_on(["service:checkout"])) is None
    kind, body = last_on_tenant_chain(store)
    assert (kind, body["id"], body["reason"]) == (EventType.FREEZE_ADDED, window.id, "quarter end")

    later = ("--from", "2126-12-24T18:00Z", "--until", "2126-12-27T06:00Z")
    assert watchkeeper("freeze", *later, settings=minimum(tmp_path)).returncode == 0
    assert len(store.read(lambda tx: tx.freezes(after=0.0))) == 2
    off = watchkeeper("freeze", "service:checkout", "--off", settings=minimum(tmp_path))
    assert "Lifted the freeze of service checkout" in off.stdout
    assert store.read(lambda tx: tx.frozen_by(["service:checkout"], now=window.ends_at - 1)) is None
    assert len(store.read(lambda tx: tx.freezes(after=window.ends_at))) == 1


def test_stop_of_one_incident_reaches_its_switch_and_its_log(
    store: SqlStore, declared: str, tmp_path: Path
) -> None:
    done = watchkeeper("stop", "INC-1", settings=minimum(tmp_path))
    assert done.returncode == 0, done.stderr
    assert store.read(lambda tx: tx.switched_on([f"incident:{declared}"])) == f"incident:{declared}"
    assert store.read(lambda tx: tx.events(declared))[-1].type is EventType.STOP_REQUESTED


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("stop", "INC-9"), "there is no incident INC-9"),
        (("stop", "cluster:all"), "is no scope"),
        (("freeze", "service:"), "is no scope"),
        (("freeze", "service:", "--for", "1h"), "is no scope"),
        (("freeze", "INC-9", "--for", "1h"), "there is no incident INC-9"),
        (("freeze", "--for", "soon"), "no length of time"),
        (("freeze", "--for", "40d"), "at most 31 days"),
        (("freeze", "--for", "1h", "--until", "2126-01-01T00:00Z"), "either how long"),
        (("freeze", "--from", "2020-01-01T00:00Z", "--until", "2020-01-02T00:00Z"), "over already"),
        (("report", "INC-9"), "there is no incident INC-9"),
    ],
)
def test_what_does_not_exist_is_refused(
    store: SqlStore, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    done = watchkeeper(*arguments, settings=minimum(tmp_path))
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_stop_never_makes_a_database(tmp_path: Path) -> None:
    done = watchkeeper("stop", settings=minimum(tmp_path))
    assert done.returncode == 2
    assert "there is no database at" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_report_prints_the_post_mortem_of_the_log(store: SqlStore, declared: str, tmp_path: Path) -> None:
    done = watchkeeper("report", "inc-1", settings=minimum(tmp_path))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("# Post-mortem INC-1: Checkout errors")
    store.transact(lambda tx: tx.save_postmortem(declared, "# The posted one", at=NOW))
    assert watchkeeper("report", "INC-1", settings=minimum(tmp_path)).stdout == "# The posted one\n"


def test_sources_show_address_set_up_and_the_last_payload(store: SqlStore, tmp_path: Path) -> None:
    silent = watchkeeper("sources", settings=minimum(tmp_path))
    assert "POST http://127.0.0.1:8080/alerts/alertmanager" in silent.stdout
    assert "nothing received yet" in silent.stdout
    assert "source-token" not in silent.stdout
    store.transact(lambda tx: tx.add_raw("prod", "alertmanager", b"{}", received_at=NOW))
    shown = watchkeeper("sources", "--show-token", settings=minimum(tmp_path))
    assert "1 payloads kept, the last at 2025-06-15 15:06:40 UTC" in shown.stdout
    assert "credentials: source-token" in shown.stdout
    row = json.loads(watchkeeper("sources", "--json", settings=minimum(tmp_path)).stdout)
    assert row["prod"]["last"]["payloads"] == 1


def _assignments(file: Path) -> dict[str, str]:
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    pairs = (line.partition("=") for line in file.read_text().splitlines() if re.match(r"[A-Z]", line))
    return {name: value.strip("'") for name, _, value in pairs}


@pytest.mark.parametrize("demo", [(), ("--demo",)])
def test_init_writes_settings_that_the_product_reads(
    tmp_path: Path, demo: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, settings: Callable[..., Settings]
) -> None:
    out = tmp_path / ".env"
    done = watchkeeper("init", *demo, "--out", str(out), settings={}, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    files = [out] if demo else [out, tmp_path / "web.env", tmp_path / "executor.env"]
    assert sorted(tmp_path.glob("*.env")) == sorted(files)
    held = [_assignments(file) for file in files]
    written = {name: value for one in held for name, value in one.items()}
    for name, value in written.items():
        monkeypatch.setenv(name, value)
    if not demo:
        every, web, executor = held
        assert "WATCHKEEPER_GRANT_KEY" not in every
        assert not [name for name in every if "SLACK" in name or "EXECUTOR" in name]
        assert web["WATCHKEEPER_GRANT_KEY"] == executor["WATCHKEEPER_GRANT_KEY"]
        assert not [name for name in executor if name.startswith("SLACK")]
    keep = {key: written[f"WATCHKEEPER_{key.upper()}"] for key in ("audit_key", "data_dir")}
    read = settings(**keep)
    assert read.audit_key is not None
    assert len(read.audit_key.get_secret_value()) == 64
    assert read.mode == ("supervised" if demo else "observe")
    assert read.demo is bool(demo)

    again = watchkeeper("init", "--out", str(out), settings={}, cwd=tmp_path)
    assert again.returncode == 2
    assert "exists already" in again.stderr
