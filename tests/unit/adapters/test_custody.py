"""Chain of custody: a package is checked against the hash that the log holds, by anybody who has either."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.adapters.executors._forensic_package import Package
from bot.adapters.package_files import MANIFEST, digest_of
from bot.adapters.store.sql import SqlStore
from bot.cli.audit import app
from bot.domain.actions.forensics import COLLECT
from bot.domain.errors import Permanent
from bot.domain.event import EventType, NewEvent
from bot.domain.plan import PlannedStep, Target
from bot.settings import Settings

TARGET = Target("k8s.deployment", "shop", "production", "u-1", "shop")
STEP = PlannedStep("collect", COLLECT.id, TARGET, {}, (), {})


@pytest.fixture
def taken(tmp_path: Path) -> tuple[Path, str]:
    package = Package(tmp_path / "package", time.monotonic() + 5)
    package.text("pods.json", lambda: "{}")
    return package.folder, package.close(STEP, "token", 1.0)


def logged(store: SqlStore, digest: str) -> None:
    body = {"plan_hash": "p" * 64, "step": "collect", "phase": "do"}
    detail = f"9 files kept, 0 not available, manifest {digest}; copied to s3://evidence/a/b"
    event = NewEvent(EventType.STEP_DONE, {**body, "detail": detail})
    store.transact(lambda tx: tx.append("inc-1", [event], at_ms=1))


def check(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["package", *words])
    return result.exit_code, result.output


def test_the_log_vouches_for_a_package(
    taken: tuple[Path, str], store: SqlStore, settings: Callable[..., Settings]
) -> None:
    folder, digest = taken
    assert check(str(folder))[0] == 1
    logged(store, digest)
    code, said = check(str(folder))
    assert (code, "whole and unchanged, by event 1 of inc-1" in " ".join(said.split())) == (0, True)


def test_a_changed_file_or_manifest_is_told(taken: tuple[Path, str], store: SqlStore) -> None:
    folder, digest = taken
    logged(store, digest)
    (folder / "pods.json").write_text("{ }")
    code, said = check(str(folder))
    assert code == 1
    assert "pods.json was changed" in said
    manifest = folder / MANIFEST
    manifest.write_text(manifest.read_text().replace(digest_of(folder / "pods.json"), "x") + " ")
    code, said = check(str(folder))
    assert code == 1
    assert "is not the one that the log holds" in said


def test_the_hash_alone_is_enough(taken: tuple[Path, str]) -> None:
    folder, digest = taken
    assert check(str(folder), "--manifest", digest)[0] == 0
    assert check(str(folder), "--manifest", "0" * 64)[0] == 1


def test_a_log_whose_key_does_not_fit_vouches_for_nothing(
    taken: tuple[Path, str], store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, digest = taken
    logged(store, digest)
    monkeypatch.setenv("WATCHKEEPER_AUDIT_KEY", "b" * 32)
    assert check(str(folder))[0] == 1


def test_a_database_without_a_log_is_not_a_sound_one(
    store: SqlStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = CliRunner().invoke(app, ["verify"])
    assert (result.exit_code, "nothing was verified" in result.output) == (1, True)
    monkeypatch.setenv("WATCHKEEPER_DATABASE_URL", f"sqlite:///{tmp_path}/elsewhere/x.sqlite3")
    assert isinstance(CliRunner().invoke(app, ["verify"]).exception, Permanent)
    assert not (tmp_path / "elsewhere").exists()
