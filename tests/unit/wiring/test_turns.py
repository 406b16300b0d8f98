"""The inbox is looked at when poked, soon after something was in it, and now and then otherwise."""

import threading
from collections.abc import Callable

import pytest

from bot.domain.errors import Retryable
from bot.wiring import turns
from bot.wiring.turns import Turns


class Waited(threading.Event):
    """An event that keeps how long it was waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout)
        return self.is_set()


def taking(found: int) -> Callable[[], int]:
    return lambda: found


def test_it_rests_only_where_nothing_was_there() -> None:
    poke = Waited()
    inbox = Turns(poke, taking(0))
    for work in (taking(0), taking(3), taking(0)):
        inbox.work = work
        inbox.wait()
        inbox.take()
    inbox.wait()
    assert poke.waits == [turns._SOON_S, turns._REST_S, turns._SOON_S, turns._REST_S]


def test_what_failed_is_tried_again_soon() -> None:
    def fails() -> int:
        reason = "the database is away"
        raise Retryable(reason)

    poke = Waited()
    inbox = Turns(poke, taking(0))
    inbox.take()
    inbox.work = fails
    with pytest.raises(Retryable):
        inbox.take()
    inbox.wait()
    assert poke.waits == [turns._SOON_S]


def test_a_poke_is_used_up() -> None:
    poke = threading.Event()
    poke.set()
    Turns(poke, taking(0)).wait()
    assert not poke.is_set()
