"""The shipped roles on a cluster, asked with `kubectl auth can-i`: all that the tables list, and nothing beyond.

On the real API server they are applied as shipped, with `kubectl apply -k`, into a namespace of their own.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.domain.permissions import APART, EXECUTOR, HELD, READER, KubePermission, kube_permissions
from bot.domain.permissions_kubernetes import account_of
from bot.local.cluster.kinds import KINDS
from tests.contract.kube.cluster import NAMESPACE, Cluster

SHIPPED = Path(__file__).resolve().parents[3] / "deploy" / "kubernetes"
APPLIED = "shipped"
# What nobody of ours may, whatever the catalogue holds: verb, resource.
NEVER = [
    ("get", "secrets"),
    ("list", "secrets"),
    ("delete", "deployments.apps"),
    ("create", "deployments.apps"),
    ("delete", "namespaces"),
    ("create", "pods"),
    ("create", "pods/exec"),
    ("create", "pods/attach"),
    ("create", "serviceaccounts/token"),
    ("create", "rolebindings.rbac.authorization.k8s.io"),
    ("escalate", "roles.rbac.authorization.k8s.io"),
    ("impersonate", "users"),
    ("update", "nodes/status"),
    ("*", "*"),
]

May = Callable[..., bool]


@pytest.fixture(scope="module")
def may(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> May:
    """Whether a role may do (verb, resource); what the cluster-wide role adds is only there from here on."""
    if cluster.name == "simulated":
        return lambda role, verb, resource, *_flags: can_i(cluster, verb, resource, user=role)
    folder = tmp_path_factory.mktemp("deploy") / "kubernetes"
    shutil.copytree(SHIPPED, folder)
    file = folder / "kustomization.yaml"
    text = file.read_text().replace("namespace: default", f"namespace: {APPLIED}")
    assert cluster.kubectl("create", "namespace", APPLIED).returncode == 0

    def asked(role: str, verb: str, resource: str, *flags: str) -> bool:
        account = f"--as=system:serviceaccount:{APPLIED}:{account_of(role)}"
        return can_i(cluster, verb, resource, *(flags or (f"--namespace={APPLIED}",)), account)

    for one in (text, text.replace("# - executor-cluster", "- executor-cluster")):
        assert not asked(EXECUTOR, "patch", "nodes")
        file.write_text(one)
        done = cluster.kubectl(f"--namespace={APPLIED}", "apply", "-k", str(folder))
        assert done.returncode == 0, done.stderr
    return asked


def can_i(cluster: Cluster, verb: str, resource: str, *flags: str, user: str = "admin") -> bool:
    """The answer of `kubectl auth can-i`."""
    name, _, inner = resource.partition("/")
    inside = [f"--subresource={inner}"] if inner else []
    done = cluster.kubectl(*flags, "auth", "can-i", verb, name, *inside, user=user)
    assert done.stdout.strip().partition(" ")[0] in ("yes", "no"), done.stderr
    return done.returncode == 0


def where(one: KubePermission) -> tuple[str, ...]:
    return ("--all-namespaces",) if one.wide else ()


def resource_of(one: KubePermission) -> str:
    name, slash, inner = one.resource.partition("/")
    return (f"{name}.{one.group}" if one.group else name) + slash + inner


@pytest.mark.parametrize("role", [READER, EXECUTOR])
def test_everything_that_the_tables_list_is_allowed(cluster: Cluster, may: May, role: str) -> None:
    held = [one for one in sorted(kube_permissions(HELD[role])) if one.resource != APART]
    if cluster.name == "simulated":
        served = {kind.plural for kind in KINDS}
        held = [one for one in held if one.resource.partition("/")[0] in served]
    assert held
    assert [one for one in held if not may(role, one.verb, resource_of(one), *where(one))] == []


@pytest.mark.parametrize("role", [READER, EXECUTOR])
def test_nothing_beyond_is_allowed(may: May, role: str) -> None:
    held = kube_permissions(HELD[role])
    writes = [one for one in kube_permissions(HELD[EXECUTOR]) - held if one.writes]
    others = [(verb, one.resource) for one in held for verb in ("deletecollection",)]
    asked = [*NEVER, *((one.verb, resource_of(one)) for one in writes), *others]
    asked = [one for one in asked if one not in {(own.verb, resource_of(own)) for own in held}]
    assert len(asked) > 14
    assert [(verb, resource) for verb, resource in asked if may(role, verb, resource)] == []


@pytest.mark.parametrize("cluster", [pytest.param("real", marks=pytest.mark.realk8s)], indirect=True)
def test_the_roles_end_at_their_namespace(cluster: Cluster, may: May) -> None:
    assert may(EXECUTOR, "patch", "deployments.apps")
    account = f"--as=system:serviceaccount:{APPLIED}:{account_of(EXECUTOR)}"
    for namespace in (NAMESPACE, "kube-system"):
        assert not can_i(cluster, "patch", "deployments.apps", f"--namespace={namespace}", account)
