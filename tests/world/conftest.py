"""One world process for the tests of a file, since an idle one costs as well; each test starts the scenario that it needs."""

from collections.abc import Iterator

import pytest

from tests.world.stage import Stage, running_world


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A world whose rollouts and recoveries run four times as fast."""
    with running_world(tmp_path_factory.mktemp("world"), time_scale=4.0) as running:
        yield running
