"""RDS on the second AWS stand-in, which knows restarts: the life of a restart, and the same reading as on the first."""

import time
from collections.abc import Iterator

import pytest

from bot.domain.actions.rds import REBOOT, SET_STORAGE
from bot.domain.actions.table import LIVE_FIELDS
from bot.domain.errors import Refused
from tests.contract.executors.ministack import ministack
from tests.contract.executors.test_rds import TOKEN, Scene, primary
from tests.contract.kube.cluster import wait_until


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with ministack() as url:
        found = primary(url, tmp_path_factory.mktemp("keys"))
        wait_until(lambda: found.found()[1]["status"] == "available", 60)
        yield found


def test_both_stand_ins_are_read_alike(scene: Scene) -> None:
    target, live = scene.found()
    assert scene.executor().read(target) == live
    assert set(live) | {"standby_zone"} == {"uid", *LIVE_FIELDS["rds.instance"]}


def test_a_restart_is_done_once_and_read_back_from_its_event(scene: Scene) -> None:
    wall = scene.executor()
    time.sleep(1.1)  # Events carry whole seconds; the creation must lie before the restart.
    step = scene.step(REBOOT, {"after": scene.found()[1]["restarted_at"]})
    wall.dry_run(step)
    assert not wall.settled(step, token=TOKEN)
    wall.call(step, token=TOKEN)
    wait_until(lambda: wall.settled(step, token=TOKEN), 60)
    with pytest.raises(Refused) as refused:
        wall.call(step, token=TOKEN)
    assert refused.value.rule == "restarted"


def test_storage_grows(scene: Scene) -> None:
    step = scene.step(SET_STORAGE, {"gigabytes": 150})
    wall = scene.executor()
    wall.call(step, token=TOKEN)
    wait_until(lambda: wall.settled(step, token=TOKEN), 60)
    assert wall.read(step.target)["storage_gb"] == "150"
