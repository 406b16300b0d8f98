"""Draws the seeds: new ones for each run, named in the test's id so that a failure can be repeated."""

import os
import random

import pytest


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "scenario_seed" in metafunc.fixturenames:
        given = metafunc.config.getoption("--seeds")
        count = metafunc.config.getoption("--scenario-seeds")
        draw = random.Random(os.environ["WATCHKEEPER_TEST_DRAW"])
        seeds = (
            [int(one) for one in given.split(",")] if given else [draw.randrange(10**6) for _ in range(count)]
        )
        metafunc.parametrize("scenario_seed", seeds)
