"""One contract for the simulated and the real cluster: same argv, same exit code, same fields, same refusals."""

import json
import uuid

import pytest

from bot.domain.live_deployment import live_deployment
from tests.contract.kube.cluster import BAD, GOOD, NEWER, Cluster, wait_until

Live = dict[str, str]


@pytest.fixture(scope="module")
def shared(cluster: Cluster) -> str:
    """A Deployment for tests that leave it as it is."""
    return two_revisions(cluster)


@pytest.fixture
def name(cluster: Cluster) -> str:
    """A Deployment of the test's own."""
    return two_revisions(cluster)


def two_revisions(cluster: Cluster) -> str:
    """A Deployment with two revisions, the newer one live."""
    chosen = f"shop-{uuid.uuid4().hex[:6]}"
    cluster.deploy(chosen, GOOD)
    cluster.deploy(chosen, NEWER)
    return chosen


def live(cluster: Cluster, name: str) -> Live:
    sets = cluster.get("replicasets", f"--selector=service={name}")["items"]
    return live_deployment(cluster.get(f"deployment/{name}"), sets)


def complete(fields: Live) -> bool:
    seen = fields["observed_generation"] == fields["generation"]
    return seen and fields["updated"] == fields["total"] == fields["ready"] == fields["replicas"]


def test_live_fields(cluster: Cluster, shared: str) -> None:
    fields = live(cluster, shared)
    assert fields["revision"] == "2"
    assert fields["previous_revision"] == "1"
    assert (fields["image"], fields["previous_image"]) == (NEWER, GOOD)
    assert fields["template_hash"] != fields["previous_template_hash"]
    assert complete(fields)


def test_undo_by_a_dry_run_changes_nothing(cluster: Cluster, shared: str) -> None:
    before = cluster.get(f"deployment/{shared}")
    done = cluster.kubectl(
        "rollout",
        "undo",
        "--to-revision=1",
        "--dry-run=server",
        "--",
        f"deployment/{shared}",
        user="executor",
    )
    assert done.returncode == 0, done.stderr
    assert "(server dry run)" in done.stdout
    assert cluster.get(f"deployment/{shared}")["spec"] == before["spec"]
    assert live(cluster, shared)["generation"] == str(before["metadata"]["generation"])


def test_undo_restores_the_template_and_renumbers_it(cluster: Cluster, name: str) -> None:
    before = live(cluster, name)
    done = cluster.kubectl("rollout", "undo", "--to-revision=1", "--", f"deployment/{name}", user="executor")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"deployment.apps/{name} rolled back"
    wait_until(lambda: complete(live(cluster, name)))
    after = live(cluster, name)
    assert after["template_hash"] == before["previous_template_hash"]
    assert (after["image"], after["revision"], after["uid"]) == (GOOD, "3", before["uid"])
    history = cluster.kubectl("rollout", "history", f"deployment/{name}")
    assert [line.split()[0] for line in history.stdout.splitlines()[2:] if line.strip()] == ["2", "3"]


def test_a_revision_that_does_not_exist(cluster: Cluster, shared: str) -> None:
    done = cluster.kubectl(
        "rollout", "undo", "--to-revision=99", "--", f"deployment/{shared}", user="executor"
    )
    assert done.returncode == 1
    assert "unable to find specified revision 99" in done.stderr


def test_a_name_that_does_not_exist(cluster: Cluster) -> None:
    done = cluster.kubectl("get", "--output=json", "--", "deployment/nothing", user="executor")
    assert done.returncode == 1
    assert 'Error from server (NotFound): deployments.apps "nothing" not found' in done.stderr


def test_the_reader_is_refused(cluster: Cluster, shared: str) -> None:
    done = cluster.kubectl("rollout", "undo", "--to-revision=1", "--", f"deployment/{shared}", user="reader")
    assert done.returncode == 1
    assert f'deployments.apps "{shared}" is forbidden: User "' in done.stderr
    assert live(cluster, shared)["image"] == NEWER


def test_the_executor_may_not_delete(cluster: Cluster, shared: str) -> None:
    done = cluster.kubectl("delete", f"deployment/{shared}", user="executor")
    assert done.returncode == 1
    assert "(Forbidden)" in done.stderr
    assert live(cluster, shared)["image"] == NEWER


def test_a_stale_resource_version_conflicts(cluster: Cluster, name: str) -> None:
    stale = cluster.get(f"deployment/{name}")
    cluster.deploy(name, NEWER, replicas=3)
    stale["spec"]["replicas"] = 1
    done = cluster.kubectl("replace", "--validate=false", "-f", "-", stdin=json.dumps(stale))
    assert done.returncode == 1
    assert "(Conflict)" in done.stderr
    version = stale["metadata"]["resourceVersion"]
    scaled = cluster.kubectl("scale", f"deployment/{name}", "--replicas=1", f"--resource-version={version}")
    assert scaled.returncode == 1
    assert live(cluster, name)["replicas"] == "3"


def test_a_bad_image_never_becomes_ready(cluster: Cluster, name: str) -> None:
    cluster.deploy(name, BAD)
    wait_until(lambda: live(cluster, name)["observed_generation"] == live(cluster, name)["generation"])
    fields = live(cluster, name)
    assert fields["revision"] == "3"
    assert fields["previous_image"] == NEWER
    assert not complete(fields)
