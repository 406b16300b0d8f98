"""What is particular to the kubectl executor: moved revisions, permissions, namespaces, and each error it can meet."""

import dataclasses

import pytest

from bot.adapters.executors._kubectl_call import failure
from bot.adapters.executors.kubectl import KubectlExecutor
from bot.domain.errors import Conflict, Permanent, Refused, Retryable, Undecided
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
    before = reader.read(step.target)
    with pytest.raises(Refused) as refused:
        reader.dry_run(step)
    assert refused.value.rule == "forbidden"
    with pytest.raises(Refused) as refused:
        reader.call(step, token="p:change:do")
    assert refused.value.rule == "forbidden"
    assert reader.read(step.target) == before


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
        ("Error from server (InternalError): an error on the server", Undecided, Retryable),
        ("Error from server (TooManyRequests): busy", Retryable, Retryable),
        ("Warning: previously managed\nUnable to connect to the server: EOF", Undecided, Retryable),
    ],
)
def test_each_error_in_our_own_words(stderr: str, written: type, read: type) -> None:
    assert type(failure(stderr, writes=True)) is written
    assert type(failure(stderr, writes=False)) is read
