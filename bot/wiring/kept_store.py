"""The worker's store: opened by the parent, inherited by the child of each job with every statement that was compiled.

No connection crosses a fork: whoever uses it in the parent gives its connections back before the next fork.
"""

from functools import lru_cache

from bot.adapters.store.sql import open_store
from bot.ports import Store
from bot.settings import load


@lru_cache(maxsize=1)
def kept_store() -> Store:
    """Opened once per process, from the environment; raises Permanent with what is missing."""
    settings = load()
    settings.require("worker", ["audit_key", "storage_key"])
    return open_store(settings)
