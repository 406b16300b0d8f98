"""Scale, autoscaler bounds and restart, on both clusters: their life, their refusals, and what they would cost."""

import dataclasses

import pytest

from bot.domain.actions.kubernetes import ROLLOUT_RESTART, SCALE
from bot.domain.actions.kubernetes_autoscaler import SET_BOUNDS
from bot.domain.errors import Permanent, Refused
from tests.contract.executors.kube_scenes import (
    autoscaler,
    deployment,
    executor,
    run,
    step_for,
    there_and_back,
)
from tests.contract.kube.cluster import BAD, Cluster, wait_until


def test_scale_there_and_back(cluster: Cluster) -> None:
    runs, on = executor(cluster), deployment(cluster)
    there_and_back(runs, SCALE, on, {"replicas": 4})
    assert runs.read(on)["replicas"] == "2"


def test_scale_says_what_it_costs(cluster: Cluster) -> None:
    live = executor(cluster).read(deployment(cluster))
    assert SCALE.blast_radius(live, {"replicas": 5}) == {"deployments": 1, "pods": 3, "cents_per_hour": 9}
    assert SCALE.blast_radius(live, {"replicas": 1})["cents_per_hour"] == 0


def test_an_autoscaled_deployment_is_scaled_by_its_bounds(cluster: Cluster) -> None:
    runs, on = executor(cluster), deployment(cluster)
    scaler = autoscaler(cluster, on, 2, 4)
    assert on.name in SCALE.refuses(runs.read(on), {"replicas": 3})
    there_and_back(runs, SET_BOUNDS, scaler, {"min_replicas": 3, "max_replicas": 6})
    run(runs, step_for(runs, SET_BOUNDS, scaler, {"min_replicas": 3, "max_replicas": 6}))
    wait_until(lambda: runs.read(on)["replicas"] == runs.read(scaler)["current_replicas"] == "3")
    live = runs.read(scaler)
    assert SET_BOUNDS.blast_radius(live, {"min_replicas": 3, "max_replicas": 8}) == {
        "autoscalers": 1,
        "pods": 2,
        "cents_per_hour": 6,
    }
    assert "above" in SET_BOUNDS.refuses(live, {"min_replicas": 7, "max_replicas": 6})


def test_a_restart_said_twice_is_done_once(cluster: Cluster) -> None:
    runs, on = executor(cluster), deployment(cluster)
    before = runs.read(on)
    generation = int(before["generation"])
    step = step_for(runs, ROLLOUT_RESTART, on, {"generation": generation}, irreversible=True)
    assert ROLLOUT_RESTART.refuses(before, step.params) == ""
    runs.dry_run(step)
    assert runs.read(on)["generation"] == before["generation"]
    assert not runs.settled(step, token="p:change:do")
    run(runs, step)
    after = runs.read(on)
    assert after["template_hash"] != before["template_hash"]
    assert after["image"] == before["image"]
    runs.call(step, token="p:change:do")
    assert runs.read(on)["generation"] == after["generation"]
    assert step.undo_params is None


def test_a_restart_is_refused_where_it_could_leave_nothing(cluster: Cluster) -> None:
    runs, lonely, sick = executor(cluster), deployment(cluster, replicas=1), deployment(cluster)
    assert "fewer than two" in ROLLOUT_RESTART.refuses(runs.read(lonely), {"generation": 1})
    cluster.deploy(sick.name, BAD)
    wait_until(lambda: runs.read(sick)["rolling"] == "1")
    assert "rollout is under way" in ROLLOUT_RESTART.refuses(runs.read(sick), {"generation": 1})
    paused = deployment(cluster)
    assert cluster.kubectl("rollout", "pause", f"deployment/{paused.name}").returncode == 0
    wait_until(lambda: runs.read(paused)["rolling"] == "0")
    assert "paused" in ROLLOUT_RESTART.refuses(runs.read(paused), {"generation": 1})


def test_a_recreated_namesake_is_refused_by_the_server_itself(cluster: Cluster) -> None:
    runs, on = executor(cluster), deployment(cluster)
    step = step_for(runs, ROLLOUT_RESTART, on, {"generation": 1}, irreversible=True)
    before = runs.read(on)
    other = dataclasses.replace(on, uid="11111111-2222-3333-4444-555555555555")
    crooked = dataclasses.replace(step, target=other, command=ROLLOUT_RESTART.command(other, step.params))
    with pytest.raises(Permanent, match="uid"):
        runs.call(crooked, token="p:change:do")
    assert runs.read(on)["generation"] == before["generation"]


def test_the_reader_may_not(cluster: Cluster) -> None:
    runs, reader, on = executor(cluster), executor(cluster, "reader"), deployment(cluster)
    scaler = autoscaler(cluster, on, 1, 4)
    for action, target, params in (
        (SCALE, on, {"replicas": 3}),
        (SET_BOUNDS, scaler, {"min_replicas": 1, "max_replicas": 5}),
    ):
        step = step_for(runs, action, target, params)
        with pytest.raises(Refused) as refused:
            reader.call(step, token="p:change:do")
        assert refused.value.rule == "forbidden"
