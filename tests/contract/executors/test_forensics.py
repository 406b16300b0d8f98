"""The forensic package on both clusters: complete or honest about its gaps, private, and nothing changed by it."""

import hashlib
import json
from pathlib import Path

from bot.adapters.executors.forensics import ForensicsExecutor
from bot.adapters.package_files import MANIFEST, digest_of
from bot.domain.actions.forensics import COLLECT
from bot.domain.catalogue import planned_step
from tests.contract.executors.bench import kubectl_bench
from tests.contract.kube.cluster import Cluster

TOKEN = f"{'a' * 64}:collect:do"


def test_a_package_with_its_manifest(cluster: Cluster, tmp_path: Path) -> None:
    target = kubectl_bench(cluster).target
    executor = ForensicsExecutor(cluster.call(), tmp_path / "forensics")
    before = cluster.get(f"deployment/{target.name}")
    step = planned_step(COLLECT, "collect", target, executor.read(target), {"log_lines": 50})
    executor.dry_run(step)
    assert not executor.settled(step, token=TOKEN)
    said = executor.call(step, token=TOKEN)
    assert executor.settled(step, token=TOKEN)
    assert not executor.settled(step, token=f"{'b' * 64}:collect:do")
    folder = executor.package_of(TOKEN)
    assert folder.parent == tmp_path / "forensics" / ("a" * 12)
    manifest = json.loads((folder / MANIFEST).read_text())
    names = {one["name"] for one in manifest["files"]}
    assert said.endswith(f"manifest {digest_of(folder / MANIFEST)}")
    assert {
        "deployment.json", "replicasets.json", "pods.json", "images.json", "events.json", "describe.txt",
        "network-policies.json",
    } <= names  # fmt: skip
    lacking = {one["name"]: one["reason"] for one in manifest["missing"]}
    assert "nothing is run inside a container" in lacking.pop("processes.jsonl")
    assert "no AWS account" in lacking.pop("cloudtrail.jsonl")
    missing = list(lacking)
    # The real control plane of the tests has no kubelet, hence no logs; the manifest has to say so.
    logs = [name for name in [*names, *missing] if name.startswith("log-")]
    assert len(logs) == 2
    assert bool(missing) == (cluster.name == "real")
    for one in manifest["files"]:
        data = (folder / one["name"]).read_bytes()
        assert (hashlib.sha256(data).hexdigest(), len(data)) == (one["sha256"], one["bytes"])
        assert (folder / one["name"]).stat().st_mode & 0o077 == 0
    assert cluster.get(f"deployment/{target.name}") == before
    (folder / "describe.txt").write_text("changed")
    assert not executor.settled(step, token=TOKEN)
