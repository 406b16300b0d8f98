"""A transaction that is taken back: what runs in it runs as in production, and nothing of it stays."""

from collections.abc import Callable
from typing import Never, TypeVar

from bot.ports import Store, Transaction

T = TypeVar("T")


class _TakenBack(Exception):
    """Ends the transaction without a commit."""


class _Within:
    """`bot.ports.Store` inside one open transaction, which whoever opened it ends."""

    def __init__(self, tx: Transaction, tenant: str) -> None:
        self.tenant = tenant
        self._tx = tx

    def transact(self, work: Callable[[Transaction], T]) -> T:
        return work(self._tx)

    def read(self, work: Callable[[Transaction], T]) -> T:
        return work(self._tx)

    def next_message(self) -> Callable[[], tuple[bool, float | None]]:
        return lambda: (True, None)

    def next_plan(self) -> Callable[[], tuple[bool, float | None]]:
        return lambda: (True, None)

    def next_work(self) -> Callable[[], tuple[bool, float | None]]:
        return lambda: (True, None)

    def close(self) -> None:
        """Nothing of its own to give back."""


def taken_back(store: Store, work: Callable[[Store], object]) -> None:
    """Run `work` with a store whose every transaction is part of one that is not committed."""

    def within(tx: Transaction) -> Never:
        work(_Within(tx, store.tenant))
        raise _TakenBack

    try:
        store.transact(within)
    except _TakenBack:
        return
