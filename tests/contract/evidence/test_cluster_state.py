"""The cluster's state as evidence, on the simulated cluster and on the real API server: a healthy one and a broken one."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from bot.adapters.evidence import cluster_state
from bot.adapters.evidence.cluster_state import ClusterReader
from bot.domain.diagnosis.cluster.cause import Cause
from bot.domain.diagnosis.cluster.finding import Finding
from bot.domain.diagnosis.cluster.judge import findings
from bot.domain.diagnosis.cluster.state import ClusterState
from bot.domain.permissions import kube_permissions
from bot.domain.reads import READS
from bot.local.cluster.access import READER
from bot.settings import Settings
from tests.contract.kube.cluster import BAD, GOOD, NAMESPACE, Cluster, binary
from tests.contract.kube.simulated import Heard, simulated

Make = Callable[[Path], ClusterReader]


@pytest.fixture
def make(settings: Callable[..., Settings]) -> Make:
    return lambda config: cluster_state.build(
        settings(kubectl=binary(), kube_reader_config=str(config), kube_namespace=NAMESPACE)
    )


def state_of(reader: ClusterReader) -> ClusterState:
    now = time.time()
    readings = reader.collect([], start=now - 300, end=now)
    assert readings.missing == ()
    assert readings.cluster is not None
    return readings.cluster


def about(state: ClusterState, name: str) -> list[Finding]:
    return [one for one in findings(state) if one.name == name]


def test_a_healthy_workload_is_read_and_not_blamed(cluster: Cluster, make: Make) -> None:
    name = f"fit-{uuid4().hex[:6]}"
    cluster.deploy(name, GOOD)
    state = state_of(make(cluster.configs["reader"]))
    workload = state.workload(name)
    assert workload is not None
    assert (workload.service, workload.desired, workload.ready, workload.current) == (name, 2, 2, 2)
    assert [pod.ready for pod in state.pods if pod.workload == name and not pod.deleted] == [True, True]
    assert [one.image for one in workload.spec.served] == [GOOD]
    assert state.nodes
    assert about(state, name) == []


def test_an_image_that_is_not_there_is_the_cause(simulated_cluster: Cluster, make: Make) -> None:
    """Only here: the stand-in for a kubelet beside the real API server says nothing of images."""
    name = f"ill-{uuid4().hex[:6]}"
    simulated_cluster.deploy(name, BAD)
    reader, deadline = make(simulated_cluster.configs["reader"]), time.monotonic() + 90
    found = about(state_of(reader), name)
    while not found and time.monotonic() < deadline:
        time.sleep(0.3)
        found = about(state_of(reader), name)
    [one] = found
    assert one.cause in (Cause.IMAGE_REFERENCE, Cause.IMAGE_UNAVAILABLE)
    assert BAD in one.because


def test_it_asks_for_what_its_row_lists_and_nothing_else(tmp_path: Path, make: Make) -> None:
    heard = Heard()
    with simulated(tmp_path, heard) as cluster:
        state_of(make(cluster.configs["reader"]))
    asked = {(group, resource, verb) for who, group, resource, verb in heard.requests if who == READER}
    listed = kube_permissions(READS["cluster_state"])
    assert asked == {(one.group, one.resource, one.verb) for one in listed}


def test_a_cluster_that_does_not_answer_is_missing(cluster: Cluster, make: Make, tmp_path: Path) -> None:
    config = tmp_path / "nobody.kubeconfig"
    config.write_text(re.sub(r'(token"?:\s*"?)', r"\1x", cluster.configs["reader"].read_text()))
    readings = make(config).collect([], start=0.0, end=1.0)
    assert readings.cluster is None
    assert [one.source for one in readings.missing] == ["cluster state"]
