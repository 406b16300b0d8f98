"""How much of a target a step takes away, for each action of the catalogue that sets a number of copies."""

import pytest

from bot.domain.actions.table import ACTIONS
from bot.domain.caps import taken_percent
from bot.domain.plan import PlannedStep, Target

COPIES = {
    "ecs/set-desired-count": ("count", "desired_count"),
    "kubectl/scale": ("replicas", "replicas"),
    "kubectl/set-hpa-bounds": ("max_replicas", "max_replicas"),
    "autoscaling/set-desired-capacity": ("capacity", "capacity"),
}


def step(action: str, params: dict[str, str | int], expect: dict[str, str]) -> PlannedStep:
    target = Target(ACTIONS[action].target_kind, "cart", "production", "uid", "cart")
    return PlannedStep("s", action, target, params, (), expect)


@pytest.mark.parametrize("action", COPIES)
@pytest.mark.parametrize(
    ("before", "after", "percent"),
    [
        ("10", 4, 60),
        ("3", 1, 67),
        ("3", 2, 34),
        ("4", 0, 100),
        ("4", 4, 0),
        ("4", 9, 0),
        ("0", 0, 0),
        ("", 1, 0),
    ],
)
def test_the_share_that_a_step_takes_away(action: str, before: str, after: int, percent: int) -> None:
    param, field = COPIES[action]
    assert param in ACTIONS[action].params
    assert field in ACTIONS[action].expect
    assert taken_percent(step(action, {param: after}, {field: before})) == percent


def test_other_actions_take_no_copies_away() -> None:
    named = ("replicas", "max_replicas", "desired_count", "capacity", "count")
    counting = {name for name, action in ACTIONS.items() if set(action.expect) & set(named)}
    assert counting == set(COPIES), "a new action that sets a number of copies belongs into domain/caps"
