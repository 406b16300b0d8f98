"""The double's one clock: everything that Slack limits by time reads it, so tests can run faster than time.

`now` follows the rate; `work` does not, because it measures the app's own work (acks, trigger ids).
"""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, field


@dataclass
class Clock:
    """Unix time that starts at the real one, runs at `rate` and can be moved ahead."""

    rate: float = 1.0
    _wall: float = field(default_factory=time.time)
    _mono: float = field(default_factory=time.monotonic)
    _jumped: float = 0.0
    _moved: asyncio.Event = field(default_factory=asyncio.Event)

    def now(self) -> float:
        """Unix seconds as the double sees them."""
        return self._wall + (time.monotonic() - self._mono) * self.rate

    def work(self) -> float:
        """Monotonic seconds, not scaled by the rate; only a jump moves them ahead."""
        return time.monotonic() + self._jumped

    def set_rate(self, rate: float) -> None:
        """Change the rate from this moment on; ValueError when it is not positive."""
        if rate <= 0:
            raise ValueError("rate must be positive")
        self._wall, self._mono = self.now(), time.monotonic()
        self.rate = rate
        self._wake()

    def jump(self, seconds: float) -> None:
        """Move ahead at once; ValueError for a step back, which Slack's time never takes."""
        if seconds < 0:
            raise ValueError("the clock only moves ahead")
        self._wall += seconds
        self._jumped += seconds
        self._wake()

    def _wake(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        """Wait until `seconds` of the double's time have passed, jumps included."""
        until = self.now() + seconds
        while (left := until - self.now()) > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._moved.wait(), left / self.rate)
