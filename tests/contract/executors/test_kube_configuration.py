"""Configuration on both clusters: declared flags only, and a revision's immutable ConfigMap comes back with it."""

import copy
import dataclasses
import uuid
from typing import Any

import pytest

from bot.domain.actions.kubernetes import ROLLOUT_UNDO
from bot.domain.actions.kubernetes_flag import SET_FLAG
from bot.domain.errors import Permanent, Refused
from bot.domain.plan import Target
from tests.contract.executors.kube_scenes import (
    executor,
    flag,
    made,
    run,
    step_for,
    target,
    there_and_back,
)
from tests.contract.kube.cluster import GOOD, NAMESPACE, Cluster, manifest


def fresh() -> str:
    return f"svc-{uuid.uuid4().hex[:6]}"


@pytest.mark.parametrize(("value", "off"), [("true", "false"), ("on", "off")])
def test_a_flag_goes_off_and_back_on(cluster: Cluster, value: str, off: str) -> None:
    runs, on = executor(cluster), flag(cluster, fresh(), value)
    assert runs.read(on)["off"] == off
    there_and_back(runs, SET_FLAG, on, {"flag": "new-checkout", "value": off})
    assert cluster.get(f"configmap/{on.name}")["data"] == {"new-checkout": value, "database": "primary"}


def test_a_value_that_could_not_come_back_is_left_alone(cluster: Cluster) -> None:
    runs, on = executor(cluster), flag(cluster, fresh(), "50%")
    live = runs.read(on)
    assert live["off"] == ""
    assert "restored" in SET_FLAG.refuses(live, {"flag": "new-checkout", "value": "off"})
    with pytest.raises(Permanent):
        step_for(runs, SET_FLAG, on, {"flag": "new-checkout", "value": "off"})


def test_only_the_declared_key_is_ever_written(cluster: Cluster) -> None:
    runs, on = executor(cluster), flag(cluster, fresh(), "true")
    assert "declared" in SET_FLAG.refuses(runs.read(on), {"flag": "database", "value": "off"})
    step = step_for(runs, SET_FLAG, on, {"flag": "database", "value": "off"})
    for ask in (runs.dry_run, lambda one: runs.call(one, token="p:change:do")):
        with pytest.raises(Refused) as refused:
            ask(step)
        assert refused.value.rule == "undeclared_flag"
    cluster.kubectl("annotate", f"configmap/{on.name}", "watchkeeper-flag-")
    with pytest.raises(Permanent, match="declares no feature flag"):
        runs.read(on)


def test_an_immutable_configmap_says_no_in_its_dry_run(cluster: Cluster) -> None:
    runs, on = executor(cluster), flag(cluster, fresh(), "true", immutable=True)
    step = step_for(runs, SET_FLAG, on, {"flag": "new-checkout", "value": "false"})
    with pytest.raises(Permanent, match="immutable"):
        runs.dry_run(step)


def config(cluster: Cluster, name: str, **more: Any) -> None:
    meta = {"name": name, "namespace": NAMESPACE}
    made(cluster, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"pool": "5"}, **more})


def rolled_with(cluster: Cluster, service: str, *configs: str) -> Target:
    """A Deployment that was rolled from one ConfigMap to the next, with the same image."""
    for name in configs:
        one = copy.deepcopy(manifest(service, GOOD, 2))
        pod = one["spec"]["template"]["spec"]
        pod["containers"][0]["envFrom"] = [{"configMapRef": {"name": name}}]
        pod["volumes"] = [{"name": "conf", "configMap": {"name": name}}]
        made(cluster, one)
        done = cluster.kubectl("rollout", "status", f"deployment/{service}", "--timeout=25s")
        assert done.returncode == 0, done.stderr
    return target(cluster, "k8s.deployment", f"deployment/{service}", service)


def test_an_older_revision_brings_its_configuration_back(cluster: Cluster) -> None:
    runs, service = executor(cluster), fresh()
    for version in (1, 2):
        config(cluster, f"{service}-v{version}", immutable=True)
    on = rolled_with(cluster, service, f"{service}-v1", f"{service}-v2")
    live = runs.read(on)
    assert (live["config"], live["previous_config"]) == (f"{service}-v2", f"{service}-v1")
    assert live["previous_config_sound"] == "1"
    assert live["image"] == live["previous_image"]
    params = {
        "to_revision": int(live["previous_revision"]),
        "to_template": live["previous_template_hash"],
    }
    run(runs, step_for(runs, ROLLOUT_UNDO, on, params))
    assert runs.read(on)["config"] == f"{service}-v1"


def test_a_configuration_that_is_gone_or_mutable_is_not_sound(cluster: Cluster) -> None:
    runs, service = executor(cluster), fresh()
    config(cluster, f"{service}-v1")
    config(cluster, f"{service}-v2", immutable=True)
    on = rolled_with(cluster, service, f"{service}-v1", f"{service}-v2")
    assert runs.read(on)["previous_config_sound"] == "0"
    assert cluster.kubectl("delete", f"configmap/{service}-v1").returncode == 0
    assert runs.read(on)["previous_config_sound"] == "0"


def test_another_namespace_is_refused(cluster: Cluster) -> None:
    runs, on = executor(cluster), flag(cluster, fresh(), "true")
    with pytest.raises(Refused) as refused:
        runs.read(dataclasses.replace(on, scope="kube-system"))
    assert refused.value.rule == "outside_namespace"
