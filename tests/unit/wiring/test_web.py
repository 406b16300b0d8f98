"""The web process does not outlive one of its loops."""

import asyncio
import signal
from collections.abc import Iterator

import pytest

from bot.wiring.web import ends_with_it


@pytest.fixture
def told() -> Iterator[list[int]]:
    seen: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _frame: seen.append(number))
    yield seen
    signal.signal(signal.SIGTERM, before)


async def fails() -> None:
    message = "not foreseen"
    raise RuntimeError(message)


async def waits() -> None:
    await asyncio.Event().wait()


async def test_a_loop_that_ends_by_surprise_ends_the_process(told: list[int]) -> None:
    stopped, broken = asyncio.create_task(waits()), asyncio.create_task(fails())
    for task in (stopped, broken):
        task.add_done_callback(ends_with_it)
    await asyncio.sleep(0)
    stopped.cancel()
    await asyncio.gather(stopped, broken, return_exceptions=True)
    await asyncio.sleep(0)
    assert told == [signal.SIGTERM]
