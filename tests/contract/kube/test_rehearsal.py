"""`watchkeeper playbooks run --dry-run` on a cluster: the whole plan is shown, and nothing is changed."""

import json
import re
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.contract.kube.cluster import GOOD, NAMESPACE, NEWER, Cluster, binary
from tests.e2e.command import ROOT, watchkeeper


@pytest.fixture
def name(cluster: Cluster) -> str:
    """A Deployment with two revisions and the label `service`."""
    chosen = f"shop-{uuid.uuid4().hex[:6]}"
    cluster.deploy(chosen, GOOD)
    cluster.deploy(chosen, NEWER)
    return chosen


def given(cluster: Cluster, folder: Path, *, executor: bool = True) -> dict[str, str]:
    """Settings of somebody who reads, and who may also write."""
    settings = {
        "data_dir": str(folder),
        "playbooks_dir": str(ROOT / "playbooks"),
        "kubectl": binary(),
        "kube_namespace": NAMESPACE,
        "kube_reader_config": str(cluster.configs["reader"]),
    }
    return {**settings, "kube_executor_config": str(cluster.configs["executor"])} if executor else settings


def everything(cluster: Cluster, name: str) -> Any:
    return {
        kind: cluster.get(kind, f"--selector=service={name}")
        for kind in ("deployments", "replicasets", "pods")
    }


def test_the_plan_is_shown_and_nothing_changes(cluster: Cluster, name: str, tmp_path: Path) -> None:
    before = everything(cluster, name)
    command = ("playbooks", "run", "rollback-deployment", "--service", name, "--dry-run")
    done = watchkeeper(*command, settings=given(cluster, tmp_path))
    assert done.returncode == 0, done.stderr
    assert f"kubectl --namespace={NAMESPACE} rollout undo --to-revision=1 -- deployment/{name}" in done.stdout
    assert f"undo     kubectl --namespace={NAMESPACE} rollout undo --to-revision=2" in done.stdout
    assert "touches 1 deployments (cap 1), 2 pods" in done.stdout
    assert "dry run  would be done" in done.stdout
    assert "Nothing was changed" in done.stdout
    assert everything(cluster, name) == before
    assert not list(tmp_path.glob("*.sqlite3"))


def test_the_same_as_data(cluster: Cluster, name: str, tmp_path: Path) -> None:
    command = ("playbooks", "run", "rollback-deployment", "--service", name, "--dry-run", "--json")
    done = watchkeeper(*command, settings=given(cluster, tmp_path))
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    [step] = told["steps"]
    assert step["target"]["name"] == name
    assert step["command"][-1] == f"deployment/{name}"
    assert (step["dry_run"], told["blast_radius"]) == ("", {"deployments": 1, "pods": 2})


def test_without_write_credentials_the_executor_is_not_asked(
    cluster: Cluster, name: str, tmp_path: Path
) -> None:
    command = ("playbooks", "run", "rollback-deployment", "--service", name, "--dry-run")
    done = watchkeeper(*command, settings=given(cluster, tmp_path, executor=False))
    assert done.returncode == 0, done.stderr
    assert "dry run  not tried: no write credentials" in done.stdout


def test_a_step_that_would_be_refused_is_exit_code_1(cluster: Cluster, name: str, tmp_path: Path) -> None:
    settings = given(cluster, tmp_path)
    settings["kube_executor_config"] = settings["kube_reader_config"]
    command = ("playbooks", "run", "rollback-deployment", "--service", name, "--dry-run")
    done = watchkeeper(*command, settings=settings)
    assert done.returncode == 1
    assert re.search(r"dry run  refused: .*forbidden", done.stdout)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("rollback-deployment", "--service", "nobody", "--dry-run"), "No k8s.deployment of nobody"),
        (("rollback-deployment", "--service", "nobody"), "say --dry-run"),
        (
            ("rollback-everything", "--service", "nobody", "--dry-run"),
            "there is no playbook 'rollback-everything'",
        ),
        (("restore-ecs-count", "--service", "nobody", "--dry-run"), "No ecs.service of nobody"),
    ],
)
def test_what_cannot_be_bound_is_one_clear_line(
    cluster: Cluster, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    done = watchkeeper("playbooks", "run", *arguments, settings=given(cluster, tmp_path))
    assert done.returncode == 2, done.stdout
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
