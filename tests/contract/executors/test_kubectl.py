"""What is particular to the kubectl executor: moved revisions, permissions, namespaces, and each error it can meet."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.adapters.executors import _kubectl_call, kubectl
from bot.adapters.executors._kubectl_call import KubectlCall, failure
from bot.adapters.executors.kubectl import KubectlExecutor
from bot.domain.actions.kubernetes import ROLLOUT_UNDO
from bot.domain.errors import Conflict, Permanent, Refused, Retryable, Undecided
from bot.domain.plan import Target
from bot.settings import Settings
from tests.contract.executors.bench import Bench, kubectl_bench
from tests.contract.kube.cluster import Cluster, wait_until
from tests.contract.kube.simulated import free_port


@pytest.fixture(scope="module")
def bench(cluster: Cluster) -> Bench:
    return kubectl_bench(cluster)


def test_a_revision_that_moved_is_refused(bench: Bench) -> None:
    step = bench.step()
    bench.executor.call(step, token="p:change:do")
    wait_until(lambda: bench.executor.settled(step, token="p:change:do"))
    with pytest.raises(Refused) as refused:
        bench.executor.dry_run(step)
    assert refused.value.rule == "revision_moved"


def test_missing_permission_is_refused(cluster: Cluster, bench: Bench) -> None:
    reader, step = KubectlExecutor(cluster.call("reader")), bench.step()
    before = bench.executor.read(step.target)
    with pytest.raises(Refused) as refused:
        reader.dry_run(step)
    assert refused.value.rule == "forbidden"
    with pytest.raises(Refused) as refused:
        reader.call(step, token="p:change:do")
    assert refused.value.rule == "forbidden"
    assert bench.executor.read(step.target) == before


def test_another_namespace_is_refused(bench: Bench) -> None:
    with pytest.raises(Refused) as refused:
        bench.executor.read(dataclasses.replace(bench.target, scope="kube-system"))
    assert refused.value.rule == "outside_namespace"


def test_an_unreachable_server_was_never_reached(cluster: Cluster, bench: Bench) -> None:
    config = cluster.home / "nowhere.kubeconfig"
    text = cluster.configs["executor"].read_text(encoding="utf-8")
    port = text.split("https://127.0.0.1:")[1].split('"')[0]
    config.write_text(text.replace(port, str(free_port())), encoding="utf-8")
    call = dataclasses.replace(cluster.call(), kubeconfig=config, home=cluster.home / "empty")
    with pytest.raises(Retryable):
        KubectlExecutor(call).call(bench.step(), token="p:change:do")


@pytest.mark.parametrize(
    ("stderr", "written", "read"),
    [
        ('Error from server (NotFound): deployments.apps "x" not found', Permanent, Permanent),
        ('error: failed restoring revision 1: deployments.apps "x" is forbidden: User', Refused, Refused),
        ("error: You must be logged in to the server (Unauthorized)", Refused, Refused),
        ("Error from server (Conflict): the object has been modified", Conflict, Conflict),
        ("error: unable to find specified revision 9 in history", Permanent, Permanent),
        ("The connection to the server 127.0.0.1:1 was refused - did you", Retryable, Retryable),
        ('error: Patch "https://127.0.0.1:1/apis": context deadline exceeded', Undecided, Retryable),
        ("Unable to connect to the server: EOF", Undecided, Retryable),
        (
            "error: failed to retrieve Deployment x: the server is currently unable to handle the request",
            Retryable,
            Retryable,
        ),
        (
            "error: failed restoring revision 3: the server is currently unable to handle the request",
            Undecided,
            Retryable,
        ),
        ('error: failed to retrieve Deployment x: deployments.apps "x" not found', Permanent, Permanent),
        ("Error from server (InternalError): an error on the server", Undecided, Retryable),
        ('The Deployment "x" is invalid: metadata.uid: Invalid value', Permanent, Permanent),
        ("The request is invalid: the server rejected our request", Permanent, Permanent),
        ('Error from server (AlreadyExists): networkpolicies "x" already exists', Permanent, Permanent),
        ("Error from server (TooManyRequests): busy", Retryable, Retryable),
        ("Warning: previously managed\nUnable to connect to the server: EOF", Undecided, Retryable),
    ],
)
def test_each_error_in_our_own_words(stderr: str, written: type, read: type) -> None:
    assert type(failure(stderr, writes=True)) is written
    assert type(failure(stderr, writes=False)) is read


def test_what_is_missing_is_named(settings: Callable[..., Settings], tmp_path: Path) -> None:
    with pytest.raises(Permanent, match="WATCHKEEPER_KUBE_EXECUTOR_CONFIG"):
        kubectl.build(settings())
    config = tmp_path / "executor.kubeconfig"
    with pytest.raises(Permanent, match="cannot be read"):
        kubectl.build(settings(kube_executor_config=str(config)))
    config.write_text("{}")
    with pytest.raises(Permanent, match="WATCHKEEPER_KUBECTL"):
        kubectl.build(settings(kube_executor_config=str(config), kubectl="no-such-kubectl"))


def test_kubectl_gets_no_environment_but_path_and_home(tmp_path: Path) -> None:
    script = tmp_path / "kubectl"
    script.write_text('#!/bin/sh\nenv\necho "$@"\n')
    script.chmod(0o755)
    call = KubectlCall(str(script), tmp_path / "config", "production", "shop", tmp_path, "/usr/bin:/bin")
    command = ROLLOUT_UNDO.command(Target("k8s.deployment", "cart", "shop", "u", "cart"), {"to_revision": 3})
    seen = call.run(command, "--dry-run=server").splitlines()
    names = {line.partition("=")[0] for line in seen[:-1]}
    assert names <= {"PATH", "HOME", "PWD", "SHLVL", "_", "OLDPWD"}
    assert seen[-1] == (
        f"--kubeconfig={tmp_path}/config --request-timeout=4s --context=production --namespace=shop "
        "rollout undo --to-revision=3 --dry-run=server -- deployment/cart"
    )


def test_a_kubectl_that_hangs_is_undecided_only_when_it_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_kubectl_call, "PROCESS_TIMEOUT_S", 0.2)
    script = tmp_path / "kubectl"
    script.write_text("#!/bin/sh\nexec sleep 30\n")
    script.chmod(0o755)
    call = KubectlCall(str(script), tmp_path / "config", "", "shop", tmp_path, "/usr/bin:/bin")
    with pytest.raises(Undecided):
        call.run(("kubectl", "rollout"), writes=True)
    with pytest.raises(Retryable):
        call.run(("kubectl", "get"))
