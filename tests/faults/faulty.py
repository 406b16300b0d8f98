"""Adapters that fail a share of their calls, half of them after having done what was asked ("did it, then timed out")."""

import random
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from bot.adapters.chat.memory import MemoryChat
from bot.adapters.store.sql import SqlStore
from bot.domain.errors import Retryable, Undecided
from bot.domain.plan import PlannedStep, Target
from bot.ports import Executor, Transaction
from tests.slack.clock import HandClock

T = TypeVar("T")
SHARE = 0.05


class Dice:
    """Says when to fail; quiet while `off`."""

    def __init__(self, seeded: random.Random, share: float = SHARE) -> None:
        self.seeded = seeded
        self.share = share
        self.off = False
        self.failed = 0

    def fails(self) -> bool:
        hit = not self.off and self.seeded.random() < self.share
        self.failed += hit
        return hit


class FaultyStore(SqlStore):
    """A database that goes away before, or after it has committed."""

    dice: Dice

    def transact(self, work: Callable[[Transaction], T]) -> T:
        reason = "the database is not available: the connection was lost"
        if self.dice.fails():
            raise Retryable(reason, delay_s=1.0)
        done = super().transact(work)
        if self.dice.fails():
            raise Retryable(reason, delay_s=1.0)
        return done

    def read(self, work: Callable[[Transaction], T]) -> T:
        if self.dice.fails():
            reason = "the database is not available: no connection"
            raise Retryable(reason, delay_s=1.0)
        return super().read(work)


class FaultyChat(MemoryChat):
    """A Slack that refuses with a wait, or takes a call and does not say so."""

    def __init__(self, clock: HandClock, dice: Dice, **given: Any) -> None:
        super().__init__(clock, **given)
        self.dice = dice

    def post(self, **given: Any) -> str:
        if self.dice.fails():
            reason = "ratelimited"
            raise Retryable(reason, delay_s=2.0)
        ts = super().post(**given)
        if self.dice.fails():
            reason = "no answer"
            raise Undecided(reason)
        return ts

    def update(self, **given: Any) -> None:
        super().update(**given)
        if self.dice.fails():
            reason = "no answer"
            raise Retryable(reason, delay_s=1.0)


class FaultyQueue:
    """A queue that loses pokes, and does not always say so; kept pokes are in `rows`, some of them twice."""

    def __init__(self, dice: Dice) -> None:
        self.dice = dice
        self.rows: list[tuple[str, int]] = []

    def poke(self, function: str, row_id: int) -> None:
        if self.dice.fails():
            return
        self.rows.append((function, row_id))
        if self.dice.fails():
            self.rows.append((function, row_id))
            reason = "no answer"
            raise Retryable(reason)


class FaultyExecutor:
    """A provider that is away, hangs up before it acts, or acts and hangs up; a read may be slow as well."""

    name = "faulty"

    def __init__(self, inner: Executor, dice: Dice, sleep: Callable[[float], None]) -> None:
        self.inner = inner
        self.dice = dice
        self.sleep = sleep

    def read(self, target: Target) -> Mapping[str, str]:
        self._away()
        return self.inner.read(target)

    def dry_run(self, step: PlannedStep) -> None:
        self._away()
        self.inner.dry_run(step)

    def call(self, step: PlannedStep, *, token: str) -> str:
        self._away()
        if self.dice.fails():
            reason = "no answer, and nothing was done"
            raise Undecided(reason)
        said = self.inner.call(step, token=token)
        if self.dice.fails():
            reason = "done, and no answer"
            raise Undecided(reason)
        return said

    def settled(self, step: PlannedStep, *, token: str) -> bool:
        self._away()
        return self.inner.settled(step, token=token)

    def _away(self) -> None:
        if self.dice.fails():
            self.sleep(3.0)
        if self.dice.fails():
            reason = "the provider refused the connection"
            raise Retryable(reason, delay_s=0.5)
