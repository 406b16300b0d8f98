"""One world process for all tests of this folder; each test starts the scenario that it needs."""

from collections.abc import Iterator

import pytest

from tests.world.stage import Stage, running_world


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A world whose rollouts and recoveries run four times as fast."""
    with running_world(tmp_path_factory.mktemp("world"), time_scale=4.0) as running:
        yield running
