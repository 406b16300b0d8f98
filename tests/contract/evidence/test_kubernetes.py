"""The Kubernetes reader on the simulated cluster and on the real API server: inventory, rollouts, trouble."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from bot.adapters.evidence import kubernetes
from bot.adapters.evidence.kubernetes import Kubernetes
from bot.domain.actions.table import LIVE_FIELDS
from bot.domain.errors import Permanent, WatchkeeperError
from bot.domain.telemetry import ChangeKind
from bot.settings import Settings
from tests.contract.kube.cluster import GOOD, NAMESPACE, NEWER, Cluster, binary

KIND = "k8s.deployment"


@pytest.fixture
def reader(cluster: Cluster, settings: Callable[..., Settings]) -> Kubernetes:
    return build(settings, cluster.configs["reader"])


def build(settings: Callable[..., Settings], config: Path) -> Kubernetes:
    return kubernetes.build(
        settings(kubectl=binary(), kube_reader_config=str(config), kube_namespace=NAMESPACE)
    )


@pytest.fixture
def service(cluster: Cluster) -> str:
    """A Deployment that was rolled from one image to the next."""
    name = f"svc-{uuid4().hex[:6]}"
    cluster.deploy(name, GOOD)
    cluster.deploy(name, NEWER)
    return name


def test_inventory_gives_every_documented_live_field(
    cluster: Cluster, reader: Kubernetes, service: str
) -> None:
    [(target, live)] = reader.find(KIND, service)
    object_ = cluster.get(f"deployment/{service}")
    assert (target.kind, target.name, target.scope, target.service) == (KIND, service, NAMESPACE, service)
    assert target.uid == live["uid"] == object_["metadata"]["uid"]
    assert set(live) >= LIVE_FIELDS[KIND]
    assert (live["revision"], live["previous_revision"]) == ("2", "1")
    assert (live["image"], live["previous_image"]) == (NEWER, GOOD)
    assert live["template_hash"] != live["previous_template_hash"]


def test_a_rollout_is_a_change_with_absolute_states(reader: Kubernetes, service: str) -> None:
    now = time.time()
    readings = reader.collect([service], start=now - 300, end=now + 60)
    assert readings.missing == ()
    [change] = readings.changes
    assert (change.service, change.kind) == (service, ChangeKind.DEPLOY)
    assert (change.before, change.after) == (f"revision 1 ({GOOD})", f"revision 2 ({NEWER})")
    assert now - 120 <= change.at <= now + 5
    assert reader.collect([service], start=now - 7200, end=now - 3600).changes == ()
    assert reader.collect(["another"], start=now - 300, end=now + 60).changes == ()


def test_a_restored_revision_is_dated_by_its_return(
    cluster: Cluster, reader: Kubernetes, service: str
) -> None:
    time.sleep(1.1)
    before = time.time()
    undone = cluster.kubectl("rollout", "undo", f"deployment/{service}", "--to-revision=1")
    assert undone.returncode == 0, undone.stderr
    cluster.kubectl("rollout", "status", f"deployment/{service}", "--timeout=25s")
    newest = reader.collect([service], start=before - 300, end=before + 60).changes[-1]
    assert (newest.before, newest.after) == (f"revision 2 ({NEWER})", f"revision 3 ({GOOD})")
    assert newest.at >= int(before)


@pytest.mark.parametrize("name", ["nobody", "a,b", "a!=b", "--all", "", "a b", "../x", "svc\n"])
def test_only_an_exact_plain_name_finds_anything(reader: Kubernetes, service: str, name: str) -> None:
    assert reader.find(KIND, name) == []
    assert reader.find("ecs.service", service) == []


def test_trouble_is_missing_in_evidence_and_a_verdict_in_the_inventory(
    tmp_path: Path, simulated_cluster: Cluster, settings: Callable[..., Settings]
) -> None:
    text = simulated_cluster.configs["reader"].read_text()
    elsewhere = re.sub(r"https://127\.0\.0\.1:\d+", "https://127.0.0.1:9", text)
    assert elsewhere != text
    (tmp_path / "gone.kubeconfig").write_text(elsewhere)
    gone = build(settings, tmp_path / "gone.kubeconfig")
    readings = gone.collect(["basket"], start=0, end=1)
    assert readings.changes == ()
    assert [one.source for one in readings.missing] == ["kubernetes"]
    assert "127.0.0.1:9" in readings.missing[0].reason
    with pytest.raises(WatchkeeperError, match=r"127\.0\.0\.1:9"):
        gone.find(KIND, "basket")


def test_a_bad_start_is_one_clear_line(tmp_path: Path, settings: Callable[..., Settings]) -> None:
    with pytest.raises(Permanent, match="WATCHKEEPER_KUBE_READER_CONFIG"):
        kubernetes.build(settings())
    with pytest.raises(Permanent, match=r"gone cannot be read; set WATCHKEEPER_KUBE_READER_CONFIG"):
        build(settings, tmp_path / "gone")
    with pytest.raises(Permanent, match="'no-kubectl' was not found; set WATCHKEEPER_KUBECTL"):
        kubernetes.build(settings(kubectl="no-kubectl", kube_reader_config=str(tmp_path)))
