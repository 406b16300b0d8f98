"""How much of what serves a step takes away, for each action of the catalogue that takes any."""

from dataclasses import replace

import pytest

from bot.domain import share
from bot.domain.action_words.table import WORDS
from bot.domain.actions.table import ACTIONS
from bot.domain.caps import Caps, taken_by, too_much
from bot.domain.plan import PlannedStep, Target
from bot.domain.share import takes_nothing
from tests.unit.pipeline.execution_scene import plan_of

PLACES = ("first", "second")
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
    part = taken_by(step(action, {param: after}, {field: before}))
    assert share.percent(part) == percent


@pytest.mark.parametrize(
    ("before", "healthy", "after", "percent"),
    [
        ((100, 0), (10, 10), (0, 100), 0),
        ((100, 0), (10, 1), (0, 100), 90),
        ((100, 0), (10, 1), (90, 10), 0),
        ((100, 0), (10, 1), (80, 20), 50),
        ((50, 50), (9, 1), (90, 10), 0),
        ((90, 10), (9, 1), (50, 50), 80),
        ((50, 50), (4, 4), (100, 0), 50),
        ((50, 50), (0, 4), (0, 100), 0),
        ((0, 100), (0, 4), (1, 99), 100),
    ],
)
def test_the_traffic_that_weights_leave_no_room_for(
    before: tuple[int, int], healthy: tuple[int, int], after: tuple[int, int], percent: int
) -> None:
    live = {f"{place}_weight": str(weight) for place, weight in zip(PLACES, before, strict=True)}
    live |= {f"{place}_healthy": str(count) for place, count in zip(PLACES, healthy, strict=True)}
    params = {f"{place}_weight": weight for place, weight in zip(PLACES, after, strict=True)}
    assert share.percent(ACTIONS["elbv2/set-weights"].takes_away(live, params)) == percent


@pytest.mark.parametrize(
    ("live", "percent"),
    [
        ({}, 25),
        ({"serving": "4"}, 0),
        ({"serving": "0"}, 100),
        ({"ready": "0"}, 0),
        ({"isolated": "1"}, 0),
        ({"wanted": "0", "serving": "0"}, 0),
    ],
)
def test_the_part_of_its_service_that_a_pod_takes_along(live: dict[str, str], percent: int) -> None:
    isolate = ACTIONS["kubectl/isolate-pod"]
    pod = {"ready": "1", "isolated": "0", "wanted": "4", "serving": "3", **live}
    assert share.percent(isolate.takes_away(pod, {"isolated": 1})) == percent
    assert share.percent(isolate.takes_away(pod, {"isolated": 0})) == 0


def test_several_steps_on_one_target_count_together() -> None:
    halves = [step("kubectl/scale", {"replicas": 8 // 2**n}, {"replicas": str(16 // 2**n)}) for n in range(3)]
    assert too_much(replace(plan_of([]), steps=tuple(halves[:2])), Caps(replica_percent=75)) == ""
    assert "takes away 88 % of what cart has" in too_much(
        replace(plan_of([]), steps=tuple(halves)), Caps(replica_percent=75)
    )


def test_two_targets_of_one_name_count_apart() -> None:
    much, little = (step("kubectl/scale", {"replicas": left}, {"replicas": "10"}) for left in (1, 9))
    twin = replace(little, target=replace(little.target, scope="staging", uid="another"))
    assert "90 % of what cart has" in too_much(replace(plan_of([]), steps=(much, twin)), Caps())
    assert too_much(replace(plan_of([]), steps=(little, twin)), Caps()) == ""


def test_every_action_that_takes_something_says_of_what() -> None:
    taking = {name for name, action in ACTIONS.items() if action.takes_away is not takes_nothing}
    assert taking == {name for name, words in WORDS.items() if words.takes}
    named = {field for pair in COPIES.values() for field in pair}
    counting = {name for name, action in ACTIONS.items() if set(action.expect) & named}
    assert counting <= taking, "a new action that sets a number of copies takes some away"
