"""Runs the test functions of a contract suite a second time, from another module and over its fixtures that fail."""

from collections.abc import Callable, Collection
from types import ModuleType
from typing import Any


def once_more(suite: ModuleType, *, without: Collection[str] = ()) -> dict[str, Callable[..., Any]]:
    """Every test of the suite but those named; a name that the suite no longer has is an error."""
    found = {name: test for name, test in vars(suite).items() if name.startswith("test_")}
    unknown = set(without) - set(found)
    assert not unknown, unknown
    return {name: test for name, test in found.items() if name not in without}
