"""The package itself: bounded in size and time, locked away in S3, and every change of it found afterwards."""

import json
import os
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from bot.adapters.executors._forensic_package import Package
from bot.adapters.executors._forensic_sources import processes, trail
from bot.adapters.executors._forensic_vault import Vault
from bot.adapters.executors._kubectl_call import KubectlCall
from bot.adapters.package_files import MANIFEST, digest_of, faults_of
from bot.domain.actions.forensics import COLLECT
from bot.domain.plan import PlannedStep, Target
from bot.domain.telemetry import Behaviour, BehaviourKind, Missing, Readings
from tests.contract.executors.bench import moto
from tests.contract.executors.network_scenes import client, own_client

TARGET = Target("k8s.deployment", "shop", "production", "u-1", "shop")
STEP = PlannedStep(
    "collect", COLLECT.id, TARGET, {"log_lines": 5}, COLLECT.command(TARGET, {"log_lines": 5}), {"uid": "u-1"}
)
COMMAND = ("kubectl", "logs", "--", "pod/x")


def fake(folder: Path, script: str) -> KubectlCall:
    """A program that stands for kubectl and does one thing."""
    binary = folder / "kubectl"
    binary.write_text(f"#!/bin/sh\n{script}\n")
    binary.chmod(0o700)
    return KubectlCall(str(binary), folder / "none", "", "production", folder, os.environ["PATH"])


def package(folder: Path, *, left_s: float = 60, most_bytes: int = 1 << 20) -> Package:
    return Package(folder / "package", time.monotonic() + left_s, most_bytes=most_bytes)


def manifest(taken: Package) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((taken.folder / MANIFEST).read_text())
    return found


def test_a_flood_of_output_fills_neither_memory_nor_disk(tmp_path: Path) -> None:
    call = fake(tmp_path, "exec head -c 400000000 /dev/zero")
    taken = package(tmp_path)
    tracemalloc.start()
    taken.printed("log.txt", call, COMMAND)
    _now, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 32 << 20, "threads of other tests use some; the flood is 400 MB"
    taken.close(STEP, "t", 5.0)
    [entry] = manifest(taken)["files"]
    assert (entry["bytes"], entry["cut"]) == (1 << 20, True)
    assert not faults_of(taken.folder)


def test_what_does_not_answer_is_left_and_said(tmp_path: Path) -> None:
    call = fake(tmp_path, "exec sleep 300")
    taken = package(tmp_path, left_s=0.4)
    taken.printed("log.txt", call, COMMAND)
    taken.printed("later.txt", call, COMMAND)
    taken.close(STEP, "t", 5.0)
    reasons = {one["name"]: one["reason"] for one in manifest(taken)["missing"]}
    assert "did not answer" in reasons["log.txt"]
    assert "no time was left" in reasons["later.txt"]
    assert sorted(path.name for path in taken.folder.iterdir()) == [MANIFEST]


def test_a_refused_command_is_said_with_its_reason(tmp_path: Path) -> None:
    taken = package(tmp_path)
    taken.printed("events.json", fake(tmp_path, "echo '(Forbidden)' >&2; exit 1"), COMMAND)
    taken.close(STEP, "t", 5.0)
    assert "not permitted" in manifest(taken)["missing"][0]["reason"]


def sound(folder: Path) -> Package:
    taken = package(folder)
    for name in ("a.txt", "b.txt"):
        taken.text(name, lambda name=name: f"content of {name}")  # type: ignore[misc]  # Bound for each.
    taken.close(STEP, "t", 5.0)
    return taken


def test_every_change_of_a_package_is_found(tmp_path: Path) -> None:
    folder = sound(tmp_path).folder
    assert faults_of(folder) == []
    (folder / "a.txt").write_text("something else")
    (folder / "b.txt").unlink()
    (folder / "c.txt").write_text("more")
    faults = faults_of(folder)
    assert [fault.split(" ")[0] for fault in faults] == ["a.txt", "b.txt", "c.txt"]
    (folder / "b.txt").symlink_to("/etc/hostname")
    assert "b.txt is missing" in faults_of(folder)
    listed = json.loads((folder / MANIFEST).read_text())
    listed["files"].append({"name": "../../etc/passwd", "sha256": "0" * 64})
    (folder / MANIFEST).write_text(json.dumps(listed))
    assert any("no plain file name" in fault for fault in faults_of(folder))
    (folder / MANIFEST).write_text("[]")
    assert faults_of(folder) == [f"{MANIFEST} is missing or cannot be read"]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with moto() as running:
        yield running


def test_a_locked_bucket_keeps_what_nobody_may_delete(url: str, tmp_path: Path) -> None:
    s3 = client(url, "s3")
    where: dict[str, Any] = {"CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}
    s3.create_bucket(Bucket="evidence", ObjectLockEnabledForBucket=True, **where)
    taken = sound(tmp_path)
    vault = Vault(own_client(url, tmp_path, "s3"), "evidence")
    said = vault.keep(taken.folder, "abc/def", now=time.time(), within_s=60)
    assert said.startswith("copied to s3://evidence/abc/def, locked until ")
    for name in ("a.txt", "b.txt", MANIFEST):
        found = s3.get_object(Bucket="evidence", Key=f"abc/def/{name}")
        assert found["Body"].read() == (taken.folder / name).read_bytes()
        assert found["ObjectLockMode"] == "GOVERNANCE"
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.delete_object(Bucket="evidence", Key=f"abc/def/{name}", VersionId=found["VersionId"])


def test_a_plain_bucket_is_said_to_be_plain_and_a_missing_one_fails_nothing(url: str, tmp_path: Path) -> None:
    s3 = client(url, "s3")
    where: dict[str, Any] = {"CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}
    s3.create_bucket(Bucket="plain", **where)
    taken = sound(tmp_path)
    ours = own_client(url, tmp_path, "s3")
    assert "no Object Lock" in Vault(ours, "plain").keep(taken.folder, "x", now=time.time(), within_s=60)
    gone = Vault(ours, "nothing").keep(taken.folder, "x", now=time.time(), within_s=60)
    assert gone.startswith("not copied to S3")
    late = Vault(ours, "plain").keep(taken.folder, "y", now=time.time(), within_s=-1)
    assert "no time was left" in late
    assert not faults_of(taken.folder)


class Sensor:
    """A runtime sensor that saw one thing, or is away."""

    name = "sensor"

    def __init__(self, readings: Readings) -> None:
        self._readings = readings

    def collect(self, services: Sequence[str], *, start: float, end: float) -> Readings:
        assert (list(services), end - start) == (["shop"], 3600.0)
        return self._readings


SEEN = Behaviour("shop", "shop-1", BehaviourKind.PROCESS, "/tmp/x", "/bin/sh", 9.0)


def test_processes_come_from_the_sensor_and_not_from_the_container(tmp_path: Path) -> None:
    taken = package(tmp_path)
    taken.take("processes.jsonl", processes(Sensor(Readings(behaviours=(SEEN,))), "shop", 9000.0))
    gone = Readings(missing=(Missing("sensor", "it is away"),))
    taken.take("none.jsonl", processes(Sensor(gone), "shop", 9000.0))
    taken.close(STEP, "t", 5.0)
    [line] = (taken.folder / "processes.jsonl").read_text().splitlines()
    assert json.loads(line)["what"] == "/tmp/x"
    assert manifest(taken)["missing"] == [{"name": "none.jsonl", "reason": "it is away"}]


def test_the_trail_is_read_page_by_page_and_cut_after_some(tmp_path: Path) -> None:
    cloudtrail = client("http://127.0.0.1:9", "cloudtrail")
    with Stubber(cloudtrail) as stub:
        for page in range(4):
            stub.add_response(
                "lookup_events", {"Events": [{"EventName": f"Call{page}"}], "NextToken": str(page)}
            )
        taken = package(tmp_path)
        taken.take("cloudtrail.jsonl", trail(cloudtrail, 9000.0))
        stub.add_client_error("lookup_events", "AccessDeniedException", http_status_code=400)
        taken.take("refused.jsonl", trail(cloudtrail, 9000.0))
    taken.close(STEP, "t", 5.0)
    assert len((taken.folder / "cloudtrail.jsonl").read_text().splitlines()) == 4
    [entry] = manifest(taken)["files"]
    assert entry["cut"]
    assert "AccessDenied" in manifest(taken)["missing"][0]["reason"]


def test_a_second_run_of_the_same_call_starts_afresh(tmp_path: Path) -> None:
    first = sound(tmp_path)
    before = digest_of(first.folder / MANIFEST)
    (first.folder / "left-over.txt").write_text("of a call that was interrupted")
    again = sound(tmp_path)
    assert digest_of(again.folder / MANIFEST) == before
    assert not faults_of(again.folder)
