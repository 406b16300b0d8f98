"""How long the correlator waits for the rest of a storm before it decides: a lull ends the wait, and so does a limit.

What streams in for long is read in fewer looks and folded in fewer passes: each costs the same however little came, and
what belongs together is told apart less often.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

# So long from the first payload, then until nothing came for the gap, at most so long.
FIRST_S, GAP_S, MOST_S = 0.15, 0.05, 0.6
# While a stream lasts, at most so long; it is one for so long after a wait that reached its limit.
STREAM_MOST_S, STREAM_FOR_S = 1.0, 1.5
_LOOK_S, _RARE_LOOK_S = 0.02, 0.1


@dataclass(slots=True)
class Stream:
    """Whether payloads kept coming for a whole wait just now; kept from one pass to the next."""

    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    until: float = float("-inf")

    def lull(self) -> "Lull":
        """The wait of a pass that begins now."""
        now = self.monotonic()
        return Lull(self, now, now, STREAM_MOST_S if now < self.until else MOST_S)


@dataclass(slots=True)
class Lull:
    """The wait of one pass."""

    stream: Stream
    begun: float
    newest: float
    most_s: float

    def look_again(self, found: bool) -> bool:
        """Wait a moment and say yes, until it was quiet for the gap or the storm has lasted too long."""
        now = self.stream.monotonic()
        if found:
            self.newest = now
        if now >= self.begun + FIRST_S and now >= self.newest + GAP_S:
            return False
        left = self.begun + self.most_s - now
        if left <= 0:
            self.stream.until = now + STREAM_FOR_S
            return False
        self.stream.sleep(min(left, _RARE_LOOK_S if now >= self.begun + 2 * FIRST_S else _LOOK_S))
        return True
