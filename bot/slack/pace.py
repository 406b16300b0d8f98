"""Token buckets per method and channel, and the pauses that Slack asked for; kept below Slack's own limits.

Refused tokens cost nothing, so that the caller may simply come again.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from bot.domain.errors import Retryable
from bot.ports import Clock

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Rate:
    """A steady rate in calls per second, and how many calls may come at once."""

    per_second: float
    burst: float


RATES = {
    "chat.postMessage": Rate(1.0, 4),
    "chat.update": Rate(45 / 60, 8),
    "conversations.create": Rate(15 / 60, 4),
    "conversations.setTopic": Rate(15 / 60, 4),
    "conversations.history": Rate(40 / 60, 6),
}
_PER_CHANNEL = ("chat.postMessage",)


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


@dataclass(slots=True)
class Pace:
    """All buckets of one workspace. Times in unix seconds; a clock that jumps back refills nothing."""

    _buckets: dict[str, _Bucket] = field(default_factory=dict)
    _held: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, method: str, now: float, *, channel: str = "", urgent: bool = False) -> bool:
        """Whether the call may go now. `urgent` goes into debt instead of waiting, but never through a pause."""
        with self._lock:
            if now < self._held.get(method, 0.0):
                return False
            bucket = self._level(method, channel, now)
            if bucket.tokens < 1 and not urgent:
                return False
            bucket.tokens -= 1
            return True

    def hold(self, method: str, until: float) -> None:
        """Nothing of this method before `until`, as Slack's Retry-After asked."""
        with self._lock:
            self._held[method] = max(self._held.get(method, 0.0), until)

    def calling(self, method: str, clock: Clock, call: Callable[[], T]) -> T:
        """Make a call; when Slack asks to wait, nothing of this method goes out before that time."""
        try:
            return call()
        except Retryable as error:
            self.hold(method, clock.now() + error.delay_s)
            raise

    def _level(self, method: str, channel: str, now: float) -> _Bucket:
        rate = RATES[method]
        key = f"{method} {channel}" if method in _PER_CHANNEL else method
        bucket = self._buckets.setdefault(key, _Bucket(rate.burst, now))
        bucket.tokens = min(rate.burst, bucket.tokens + max(0.0, now - bucket.at) * rate.per_second)
        bucket.at = now
        return bucket
