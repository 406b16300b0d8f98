"""A standing order goes back only to what is known to be good, by the executor's own look at the record."""

from pathlib import Path
from typing import Any

import pytest

from bot.adapters.store.sql import SqlStore
from bot.domain.plan import PlanState
from bot.pipeline.orders import Fired
from bot.pipeline.prove import nothing_recorded
from tests.unit.pipeline.execution_scene import healthy
from tests.unit.pipeline.order_scene import OrderScene


@pytest.fixture
def scene(store: SqlStore, tmp_path: Path) -> OrderScene:
    return OrderScene(store, tmp_path / "provider")


@pytest.mark.parametrize(
    ("live", "history"),
    [
        ({}, nothing_recorded),
        (
            {},
            lambda _signal, _service, start, end: [
                (start, 0.5),
                *healthy("", "", start, end)[1::2],
                (end, 0.5),
            ],
        ),
        ({"previous_ran_s": "599"}, healthy),
        ({"previous_until": "0"}, healthy),
    ],
    ids=["unrecorded", "unwell", "short-lived", "no-history"],
)
def test_a_revision_that_is_not_known_to_be_good_holds(
    scene: OrderScene, live: dict[str, str], history: Any
) -> None:
    scene.live_now = live
    scene.ready()
    (firing,) = scene.fire(history=history)
    assert (firing.outcome, firing.rule) == (Fired.HELD, "unproven")
    assert "look before you approve" in firing.text
    assert scene.state(scene.plan.hash) is PlanState.PROPOSED
