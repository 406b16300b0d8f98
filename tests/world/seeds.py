"""Fresh seeds for each test run; a failing assertion names its seed."""

import os
import random

_GIVEN = os.environ.get("WATCHKEEPER_TEST_SEEDS", "")


def fresh_seeds(count: int) -> list[int]:
    """New seeds, or those of WATCHKEEPER_TEST_SEEDS (comma-separated) to repeat a failure."""
    if _GIVEN:
        return [int(part) for part in _GIVEN.split(",")]
    return random.SystemRandom().sample(range(10**6), count)
