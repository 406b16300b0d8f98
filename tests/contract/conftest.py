"""The clusters that contract tests run on, started once per session and only when a test asks."""

import contextlib
from collections.abc import Iterator

import pytest

from tests.conftest import on_real_kube
from tests.contract.kube.cluster import Cluster
from tests.contract.kube.real import real, unavailable
from tests.contract.kube.simulated import simulated

_REAL = pytest.StashKey[contextlib.ExitStack]()


@pytest.fixture(scope="session")
def simulated_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The product's simulated cluster API."""
    with simulated(tmp_path_factory.mktemp("simulated")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def real_cluster(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    """A real kube-apiserver with its controllers."""
    reason = unavailable()
    if reason:
        pytest.skip(reason)
    with contextlib.ExitStack() as stack:
        request.config.stash[_REAL] = stack
        yield stack.enter_context(real(tmp_path_factory.mktemp("real")))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """End the real cluster after the last test that asks for it: idle for the rest of a run it would cost a minute of CPU."""
    yield
    if _REAL in item.config.stash and on_real_kube(item) and not on_real_kube(nextitem):
        item.config.stash[_REAL].close()


@pytest.fixture(scope="session", params=["simulated", pytest.param("real", marks=pytest.mark.realk8s)])
def cluster(request: pytest.FixtureRequest) -> Cluster:
    """Both clusters in turn: whatever is said of one must hold for the other."""
    started: Cluster = request.getfixturevalue(f"{request.param}_cluster")
    return started
