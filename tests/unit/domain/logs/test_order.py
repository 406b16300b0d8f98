"""What always came before what, and lines that lack it."""

import random

from bot.domain.logs.detect import study
from bot.domain.logs.memory import Memory
from bot.domain.logs.order import MOST_KINDS, MOST_YOUNG, Disorder, Order
from bot.domain.telemetry import LogLine
from bot.domain.watch.finding import Kind

STEPS = (
    "order came in",
    "basket was read from the cache",
    "prices fetched",
    "stock is reserved for the order",
    "card was charged",
    "receipt written to the ledger",
    "mail queued",
    "answered with the number of the order",
)
OTHERS = tuple(
    f"note of {word}" for word in ("ann", "bob", "eve", "dan", "kim", "lea", "tom", "uwe", "zoe", "ida")
)
NOW = 10_000.0


def requests(
    count: int, start: float, steps: tuple[str, ...] = STEPS, seed: int = 1
) -> list[tuple[float, str]]:
    draw = random.Random(seed)
    kinds = [kind for _ in range(count) for kind in (*steps, *draw.sample(OTHERS, 4))]
    return [(start + place / 2, kind) for place, kind in enumerate(kinds)]


def learned() -> Order:
    order = Order()
    assert order.read(requests(200, NOW), began=NOW + 1080, now=NOW + 1200) is None
    return order


def wrong(order: Order, steps: tuple[str, ...]) -> Disorder | None:
    start = order.ended_at + 1
    return order.read(requests(20, start, steps, seed=2), began=start, now=start + 120)


def test_a_step_that_always_came_is_left_out() -> None:
    found = wrong(learned(), STEPS[:3] + STEPS[4:])
    assert found is not None
    assert (found.forerunner, found.lines >= 20) == (STEPS[3], True)
    assert found.kind in STEPS[4:]
    assert found.since_at >= NOW + 1200


def test_steps_in_another_order() -> None:
    assert wrong(learned(), tuple(reversed(STEPS))) is not None


def test_the_same_order_is_nothing() -> None:
    assert wrong(learned(), STEPS) is None


def test_one_odd_request_is_nothing() -> None:
    order = learned()
    start = order.ended_at + 1
    odd = requests(1, start, tuple(reversed(STEPS)))
    lines = [*odd, *requests(10, odd[-1][0] + 1, seed=4)]
    assert order.read(lines, began=start, now=start + 120) is None


def test_after_a_pause_nothing_is_missed() -> None:
    order = learned()
    lines = [(order.ended_at + 100 * n, kind) for n, kind in enumerate(reversed(STEPS * 5), start=1)]
    assert order.read(lines, began=lines[0][0], now=lines[-1][0]) is None


def test_it_is_the_same_after_a_restart_and_under_other_names() -> None:
    order = Order.load(learned().dump())
    assert order == learned()
    order.renamed({STEPS[3]: "stock was reserved"})
    found = wrong(order, STEPS[:3] + STEPS[4:])
    assert found is not None
    assert found.forerunner == "stock was reserved"


def test_what_is_kept_is_bounded() -> None:
    draw = random.Random(3)
    order = Order()
    lines = [(NOW + n / 10, f"kind {draw.randrange(900)}") for n in range(9000)]
    order.read(lines, began=NOW, now=NOW + 900)
    assert len(order.kinds) == MOST_KINDS
    assert max(len(one.before) for one in order.kinds.values()) <= MOST_YOUNG
    order.keep({"kind 7"})
    assert set(order.kinds) <= {"kind 7"}


def test_the_watcher_is_told_with_the_lines() -> None:
    memory = Memory()

    def look(lines: list[tuple[float, str]], now: float) -> list[tuple[Kind, str]]:
        found = study(memory, [LogLine("shop", at, text) for at, text in lines], service="shop", now=now)
        return [(one.kind, one.quote) for one in found if one.kind is Kind.ORDER]

    assert look(requests(200, NOW), NOW + 1200) == []
    memory = Memory.load(memory.dump())
    ((_, quote),) = look(requests(20, NOW + 1201, STEPS[:3] + STEPS[4:]), NOW + 1321)
    assert f"(without: {STEPS[3]})" in quote
