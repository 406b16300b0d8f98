"""When the inbox is looked at: as soon as something is kept in it, soon after there was something, else now and then.

What a process left behind when it died was kept by another one, which nobody tells of.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

_SOON_S, _REST_S = 0.25, 2.0


@dataclass(slots=True)
class Turns:
    """`work` takes rows up and says how many; `poke` is set by whoever keeps one."""

    poke: threading.Event
    work: Callable[[], int]
    _soon: bool = True

    def wait(self) -> None:
        """Until it is time to look."""
        self.poke.wait(_SOON_S if self._soon else _REST_S)
        self.poke.clear()

    def take(self) -> int:
        """Take up what is there; where that fails, the next look comes soon too."""
        self._soon = True
        taken = self.work()
        self._soon = taken > 0
        return taken
