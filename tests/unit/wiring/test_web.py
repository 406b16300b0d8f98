"""The web process does not outlive one of its loops, and counts what they do."""

import asyncio
import signal
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, Counter

from bot.wiring.web import counted, ends_with_it


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


def test_what_a_loop_did_is_counted() -> None:
    registry = CollectorRegistry()
    counter = Counter("done", "Done.", registry=registry)
    for done in (3, 0, 2):
        counted(counter, lambda done=done: done)  # type: ignore[misc]
    assert registry.get_sample_value("done_total") == 5
