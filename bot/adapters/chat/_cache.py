"""A small cache of what Slack says about people and groups, so that a click costs no call and is never long out of date."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from bot.ports import Clock

T = TypeVar("T")


class Cache(Generic[T]):
    """Values by name for `ttl_s` seconds; a failed read is never kept."""

    def __init__(self, clock: Clock, ttl_s: float) -> None:
        self._clock = clock
        self._ttl_s = ttl_s
        self._kept: dict[str, tuple[float, T]] = {}
        self._lock = threading.Lock()

    def get(self, name: str, read: Callable[[], T], *, fresh: bool = False) -> T:
        """The kept value, or a fresh one; `fresh` passes the kept one over."""
        now = self._clock.now()
        with self._lock:
            kept = self._kept.get(name)
            # A clock that was set back must not make an old value young.
            if not fresh and kept is not None and 0 <= now - kept[0] < self._ttl_s:
                return kept[1]
        value = read()
        with self._lock:
            self._kept[name] = (now, value)
        return value
