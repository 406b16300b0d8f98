"""Imports Schemathesis as it is: pytest would rewrite the assertions of all its modules anew in every worker."""

import importlib
import sys
from types import ModuleType

from _pytest.assertion.rewrite import AssertionRewritingHook


def imported(name: str) -> ModuleType:
    """The module, imported without pytest's rewriting."""
    ours = [finder for finder in sys.meta_path if isinstance(finder, AssertionRewritingHook)]
    for finder in ours:
        sys.meta_path.remove(finder)
    try:
        return importlib.import_module(name)
    finally:
        sys.meta_path[:0] = ours
