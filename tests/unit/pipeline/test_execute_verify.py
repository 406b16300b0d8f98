"""Did it work: what a reading that cannot be had counts, beside good ones and bad ones."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bot.adapters.store.sql import SqlStore
from bot.domain.plan import Check
from bot.pipeline.execute.terms import Outcome, Result
from bot.pipeline.execute.verify import GRACE_S
from tests.unit.pipeline.execution_scene import START, Scene, declare, plan_of, scale

WINDOW_S = 15
GOOD, BAD = 0.001, 0.4
CHECKS = tuple(Check("error_ratio", name, 20, WINDOW_S) for name in ("shop", "cart"))
Reading = Callable[[float], float | None]


@pytest.fixture
def scene(store: SqlStore, tmp_path: Path) -> Scene:
    declare(store)
    return Scene(store, tmp_path / "provider")


def measured(scene: Scene, shop: Reading, cart: Reading) -> Result:
    """The end of a plan whose two checks read so, by the seconds since it began."""
    by_name = {"shop": shop, "cart": cart}
    plan_hash = scene.stage(plan_of([scale("cart")], checks=CHECKS))
    return scene.run(plan_hash, measure=lambda _signal, name, now: by_name[name](now - START))


def always(value: float | None) -> Reading:
    return lambda _at: value


def test_single_readings_that_cannot_be_had_do_not_undo_what_helped(scene: Scene) -> None:
    """Each of the two is unread in every second round, so that no round has all of them."""
    result = measured(
        scene,
        lambda at: GOOD if round(at / 2) % 2 else None,
        lambda at: None if round(at / 2) % 2 else GOOD,
    )
    assert result.outcome is Outcome.DONE, result.reason
    checks = scene.incident().options[0].checks
    assert [(check.service, check.value, check.passed) for check in checks] == [
        ("shop", GOOD, True),
        ("cart", GOOD, True),
    ]


def test_what_is_still_unread_at_the_end_is_asked_for_a_while_longer(scene: Scene) -> None:
    result = measured(scene, always(GOOD), lambda at: GOOD if at > WINDOW_S + 8 else None)
    assert result.outcome is Outcome.DONE, result.reason
    assert START + WINDOW_S < scene.clock.at < START + WINDOW_S + GRACE_S


@pytest.mark.parametrize(
    ("shop", "cart", "words", "longest_s"),
    [
        (always(GOOD), always(None), "could not be read (error ratio of cart)", WINDOW_S + GRACE_S),
        (always(None), always(None), "could not be read (error ratio of shop", WINDOW_S),
        (always(BAD), always(None), "could not be read (error ratio of cart)", WINDOW_S),
        (always(GOOD), lambda at: GOOD if at < 2 else None, "could not be read", WINDOW_S + GRACE_S),
        (always(GOOD), lambda at: BAD if at > WINDOW_S + 4 else None, "did not pass", WINDOW_S + 6),
        (always(GOOD), lambda at: GOOD if round(at / 2) % 2 else BAD, "did not pass", WINDOW_S + 2),
    ],
)
def test_without_two_good_readings_of_each_it_is_undone(
    scene: Scene, shop: Reading, cart: Reading, words: str, longest_s: float
) -> None:
    result = measured(scene, shop, cart)
    assert (result.outcome, scene.calls()) == (Outcome.FAILED, ["scale-cart:do", "scale-cart:undo"])
    assert words in result.reason
    assert scene.clock.at <= START + longest_s
