"""Patience: a provider is asked again, with growing waits, for as long as nothing of the step has happened yet.

A human has approved, and a provider that is away for some seconds is no reason to ask that human again. Whatever must
hold is asked anew before each further try, and each try that failed is in the log.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from bot.domain.errors import Retryable, WatchkeeperError
from bot.domain.event import EventType
from bot.pipeline.execute.journal import Run

T = TypeVar("T")

# No try begins later than this after the first one.
BUDGET_S = 30.0
# A wait is never longer at a stretch: a stop is noticed after it, and the lease is held through it.
_FIRST_S, _LONGEST_S = 1.0, 5.0


def _nothing() -> None:
    return None


@dataclass(frozen=True, slots=True)
class Patience:
    """What a try belongs to in the log, and `still`, which raises where no further try is wanted."""

    run: Run
    step: str
    phase: str
    still: Callable[[], None] = _nothing

    def ask(self, question: Callable[[], T]) -> T:
        """The answer; raises what the question raised last when trying again cannot help or its time is over."""
        begun, tries = self.run.now(), 0
        while True:
            self.run.renew()
            try:
                return question()
            except Retryable as error:
                tries += 1
                wait_s = max(error.delay_s, min(_FIRST_S * 2.0 ** (tries - 1), _LONGEST_S))
                self.note(tries, error)
                if self.run.now() + wait_s > begun + BUDGET_S:
                    raise
            self._wait(wait_s)

    def note(self, tries: int, error: WatchkeeperError) -> None:
        """Write into the log that a try failed, how many there were and why."""
        self.run.note(
            EventType.ATTEMPT_FAILED, step=self.step, phase=self.phase, attempt=tries, reason=str(error)[:300]
        )

    def _wait(self, seconds: float) -> None:
        left = seconds
        while left > 0:
            self.run.renew()
            self.run.means.sleep(min(left, _LONGEST_S))
            left -= _LONGEST_S
            self.still()
