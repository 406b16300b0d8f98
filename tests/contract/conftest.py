"""The clusters that contract tests run on, started once per session and only when a test asks."""

from collections.abc import Iterator

import pytest

from tests.contract.kube.cluster import Cluster
from tests.contract.kube.real import real, unavailable
from tests.contract.kube.simulated import simulated


@pytest.fixture(scope="session")
def simulated_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The product's simulated cluster API."""
    with simulated(tmp_path_factory.mktemp("simulated")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def real_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A real kube-apiserver with its controllers."""
    reason = unavailable()
    if reason:
        pytest.skip(reason)
    with real(tmp_path_factory.mktemp("real")) as cluster:
        yield cluster


@pytest.fixture(scope="session", params=["simulated", pytest.param("real", marks=pytest.mark.realk8s)])
def cluster(request: pytest.FixtureRequest) -> Cluster:
    """Both clusters in turn: whatever is said of one must hold for the other."""
    started: Cluster = request.getfixturevalue(f"{request.param}_cluster")
    return started
