"""The simulated cluster API under the real kubectl: exit codes, messages, dry runs, conflicts, roles, rollouts."""

import json

import httpx
import pytest

from tests.world.stage import Stage


@pytest.fixture
def culprit(stage: Stage) -> str:
    """A freshly built cluster; the Deployment that has a fresh release."""
    stage.start("bad-deploy", 11)
    return str(stage.truth()["root_cause"])


def _deployment(stage: Stage, name: str) -> dict[str, object]:
    return stage.json("get", "deployment", name)


def test_get_prints_tables_json_and_not_found(stage: Stage, culprit: str) -> None:
    table = stage.kubectl("world", "get", "deployments")
    assert table.returncode == 0
    assert table.stdout.split()[:5] == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]
    assert culprit in table.stdout
    pods = stage.json("get", "pods", "-l", f"service={culprit}")["items"]
    deployment = stage.json("get", "deployment", culprit)
    assert len(pods) == deployment["spec"]["replicas"] == deployment["status"]["readyReplicas"]
    assert {pod["metadata"]["ownerReferences"][0]["kind"] for pod in pods} == {"ReplicaSet"}
    missing = stage.kubectl("world", "get", "deployment", "no-such-service")
    assert missing.returncode == 1
    assert missing.stderr == 'Error from server (NotFound): deployments.apps "no-such-service" not found\n'
    only = stage.json("get", "pods", "--field-selector", f"metadata.name={pods[0]['metadata']['name']}")
    assert len(only["items"]) == 1
    unknown = stage.kubectl("world", "get", "pods", "--field-selector", "spec.colour=red")
    assert unknown.returncode == 1
    assert "field label not supported: spec.colour" in unknown.stderr


def test_describe_logs_events_history_work(stage: Stage, culprit: str) -> None:
    described = stage.kubectl("world", "describe", "deployment", culprit)
    assert described.returncode == 0
    assert "ScalingReplicaSet" in described.stdout
    flapping = next(a for a in stage.sink.alerts("firing") if a["labels"]["alertname"] == "PodNotReady")
    pod = stage.kubectl("world", "describe", "pod", flapping["labels"]["pod"])
    assert "Readiness probe failed" in pod.stdout
    logs = stage.kubectl("world", "logs", f"deployment/{culprit}", "--tail=20")
    assert logs.returncode == 0
    assert len(logs.stdout.splitlines()) == 20
    events = stage.kubectl("world", "get", "events")
    assert "Unhealthy" in events.stdout
    revisions = stage.truth()["fix"]["to_revision"] + 1
    history = stage.kubectl("world", "rollout", "history", f"deployment/{culprit}")
    assert history.stdout.split("\n")[1].split() == ["REVISION", "CHANGE-CAUSE"]
    assert f"\n{revisions} " in history.stdout


def test_dry_run_changes_nothing(stage: Stage, culprit: str) -> None:
    before = _deployment(stage, culprit)
    undo = stage.kubectl("executor", "rollout", "undo", f"deployment/{culprit}", "--dry-run=server")
    scale = stage.kubectl("admin", "scale", f"deployment/{culprit}", "--replicas=2", "--dry-run=server")
    patch = stage.kubectl(
        "executor", "patch", "deployment", culprit, "--dry-run=server", "-p", '{"spec":{"replicas":1}}'
    )
    assert undo.stdout == f"deployment.apps/{culprit} rolled back (server dry run)\n"
    assert scale.stdout == f"deployment.apps/{culprit} scaled (server dry run)\n"
    assert (patch.returncode, undo.returncode, scale.returncode) == (0, 0, 0)
    assert _deployment(stage, culprit) == before
    assert [record["dry_run"] for record in stage.records()["cluster"]] == [True, True, True]


def test_rollback_makes_a_new_revision_of_the_old_template(stage: Stage, culprit: str) -> None:
    target = stage.truth()["fix"]["to_revision"]
    old = [
        rs["spec"]["template"]["spec"]["containers"][0]["image"]
        for rs in stage.json("get", "replicasets", "-l", f"service={culprit}")["items"]
        if rs["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == str(target)
    ]
    undo = stage.kubectl("executor", "rollout", "undo", f"deployment/{culprit}", f"--to-revision={target}")
    assert (undo.returncode, undo.stdout) == (0, f"deployment.apps/{culprit} rolled back\n")
    status = stage.kubectl("world", "rollout", "status", f"deployment/{culprit}", "--timeout=20s")
    assert status.returncode == 0
    assert status.stdout.endswith(f'deployment "{culprit}" successfully rolled out\n')
    after = stage.json("get", "deployment", culprit)
    assert after["spec"]["template"]["spec"]["containers"][0]["image"] == old[0]
    assert after["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == str(target + 2)
    assert after["status"]["observedGeneration"] == after["metadata"]["generation"]
    pods = stage.json("get", "pods", "-l", f"service={culprit}")["items"]
    assert {pod["spec"]["containers"][0]["image"] for pod in pods} == {old[0]}
    again = stage.kubectl(
        "executor", "rollout", "undo", f"deployment/{culprit}", f"--to-revision={target + 2}"
    )
    assert "skipped rollback" in again.stdout
    missing = stage.kubectl("executor", "rollout", "undo", f"deployment/{culprit}", "--to-revision=99")
    assert missing.returncode == 1
    assert "unable to find specified revision 99 in history" in missing.stderr


def test_scale_preconditions_and_conflicts(stage: Stage, culprit: str) -> None:
    replicas = stage.json("get", "deployment", culprit)["spec"]["replicas"]
    name = f"deployment/{culprit}"
    wrong = stage.kubectl("admin", "scale", name, "--replicas=3", f"--current-replicas={replicas + 1}")
    assert wrong.returncode == 1
    assert f"Expected replicas to be {replicas + 1}, was {replicas}" in wrong.stderr
    stale = stage.kubectl("admin", "scale", name, "--replicas=3", "--resource-version=1")
    assert stale.returncode == 1
    assert "Expected resource version to be 1" in stale.stderr
    right = stage.kubectl("admin", "scale", name, "--replicas=3", f"--current-replicas={replicas}")
    assert (right.returncode, right.stdout) == (0, f"deployment.apps/{culprit} scaled\n")
    assert stage.kubectl("world", "rollout", "status", name, "--timeout=20s").returncode == 0
    assert len(stage.json("get", "pods", "-l", f"service={culprit}")["items"]) == 3
    body = '{"metadata":{"resourceVersion":"1"},"spec":{"replicas":4}}'
    conflict = stage.kubectl("executor", "patch", "deployment", culprit, "-p", body)
    assert conflict.returncode == 1
    assert conflict.stderr.startswith("Error from server (Conflict): Operation cannot be fulfilled on")


@pytest.mark.parametrize(
    ("patch", "said"),
    [
        (
            {"spec": {"replicas": -1}},
            "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
        ),
        ({"spec": {"replicas": "many"}}, "Error from server (BadRequest)"),
        ({"spec": {"selector": {"matchLabels": {"other": "x"}}}}, "field is immutable"),
        (
            {"spec": {"template": {"spec": {"containers": None}}}},
            "spec.template.spec.containers: Required value",
        ),
    ],
)
def test_invalid_patches_are_refused(stage: Stage, culprit: str, patch: dict[str, object], said: str) -> None:
    before = _deployment(stage, culprit)
    refused = stage.kubectl(
        "executor", "patch", "deployment", culprit, "--type=merge", "-p", json.dumps(patch)
    )
    assert refused.returncode == 1
    assert said in refused.stderr
    assert _deployment(stage, culprit) == before


def test_roles(stage: Stage, culprit: str) -> None:
    undo = stage.kubectl("reader", "rollout", "undo", f"deployment/{culprit}")
    assert undo.returncode == 1
    assert (
        f'deployments.apps "{culprit}" is forbidden: User "watchkeeper-reader" cannot get resource "deployments" '
        'in API group "apps" in the namespace "production"'
    ) in undo.stderr
    gone = stage.kubectl("executor", "delete", "deployment", culprit)
    assert gone.returncode == 1
    assert "Error from server (Forbidden)" in gone.stderr
    answers = {
        (user, verb): stage.kubectl(user, "auth", "can-i", verb, "deployments").stdout.strip()
        for user in ("reader", "executor")
        for verb in ("get", "patch", "delete")
    }
    assert answers == {
        ("reader", "get"): "no",
        ("reader", "patch"): "no",
        ("reader", "delete"): "no",
        ("executor", "get"): "yes",
        ("executor", "patch"): "yes",
        ("executor", "delete"): "no",
    }
    refused = [(record["user"], record["verb"], record["code"]) for record in stage.records()["cluster"]]
    assert refused == [("watchkeeper-executor", "delete", 403)]


def test_no_token_is_unauthorised(stage: Stage, culprit: str) -> None:
    path = f"{stage.cluster}/apis/apps/v1/namespaces/production/deployments/{culprit}"
    answer = httpx.get(path, verify=False)
    assert answer.status_code == 401
    assert answer.json()["reason"] == "Unauthorized"


def test_an_image_that_cannot_be_pulled_never_rolls_out_and_undo_heals(stage: Stage, culprit: str) -> None:
    name = f"deployment/{culprit}"
    assert stage.kubectl("executor", "set", "image", name, f"{culprit}={culprit}:bad").returncode == 0
    stuck = stage.kubectl("world", "rollout", "status", name, "--timeout=2s")
    assert stuck.returncode == 1
    assert "timed out waiting for the condition" in stuck.stderr
    deployment = stage.json("get", "deployment", culprit)
    assert deployment["status"]["readyReplicas"] >= 0.7 * deployment["spec"]["replicas"]
    assert "ImagePullBackOff" in stage.kubectl("world", "get", "pods").stdout
    assert stage.kubectl("executor", "rollout", "undo", name).returncode == 0
    assert stage.kubectl("world", "rollout", "status", name, "--timeout=20s").returncode == 0


def test_a_new_start_resets_the_cluster(stage: Stage, culprit: str) -> None:
    stage.kubectl("executor", "scale", f"deployment/{culprit}", "--replicas=1")
    stage.start("bad-deploy", 11)
    assert stage.json("get", "deployment", culprit)["spec"]["replicas"] > 1
    assert stage.records() == {"cluster": [], "aws": [], "jvm": [], "sql": []}
