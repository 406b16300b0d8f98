"""The wait for the rest of a storm: a lull ends it early, a limit late, and a stream is looked at less often."""

from collections.abc import Callable

from bot.wiring.lull import FIRST_S, MOST_S, STREAM_FOR_S, STREAM_MOST_S, Stream


class Passed:
    """A clock that sleeping moves."""

    def __init__(self) -> None:
        self.at = 100.0

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds


def waited(clock: Passed, stream: Stream, comes: Callable[[float], bool]) -> tuple[float, int]:
    """How long one pass waited and how often it looked; `comes` says whether something came by a moment of it."""
    lull, begun, looks = stream.lull(), clock.at, 1
    while lull.look_again(comes(clock.at - begun)):
        looks += 1
    return clock.at - begun, looks


def test_a_storm_that_ends_is_waited_for_briefly() -> None:
    clock = Passed()
    stream = Stream(clock.sleep, clock.now)
    alone, _ = waited(clock, stream, lambda _at: False)
    assert FIRST_S <= alone < FIRST_S + 0.05
    burst, _ = waited(clock, stream, lambda at: at < 0.2)
    assert 0.2 < burst < 0.3


def test_a_stream_is_folded_in_fewer_passes_and_read_in_fewer_looks() -> None:
    clock = Passed()
    stream = Stream(clock.sleep, clock.now)
    first, looks = waited(clock, stream, lambda _at: True)
    second, later_looks = waited(clock, stream, lambda _at: True)
    assert abs(first - MOST_S) < 0.01
    assert abs(second - STREAM_MOST_S) < 0.01
    assert later_looks / second < looks / first
    end, _ = waited(clock, stream, lambda _at: False)
    assert end < FIRST_S + 0.05
    clock.at += STREAM_FOR_S
    assert waited(clock, stream, lambda _at: True)[0] < MOST_S + 0.01
