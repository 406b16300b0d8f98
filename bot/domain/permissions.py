"""Who may do what, derived from the tables: the reader gets `READS`, the executor what the catalogue lists.

Pure. `permissions_kubernetes` and `permissions_aws` make roles and policies of it; the simulated cluster and account
enforce the same sets, so that a permission that is missing here is missing everywhere.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from bot.domain.actions.table import ACTIONS
from bot.domain.errors import Permanent
from bot.domain.reads import READS

READER, EXECUTOR = "reader", "executor"
KUBE_READS = frozenset({"get", "list"})
AWS_READS = ("Describe", "Get", "List", "Lookup", "BatchGet")
# What runs a program inside a container is a role of its own, bound only by those who choose to.
APART = "pods/exec"


@dataclass(frozen=True, slots=True, order=True)
class KubePermission:
    """One verb on one resource of an API group (empty for the core one); `resource` may have a subresource.

    `wide` is for what has a namespace and is needed in all of them.
    """

    group: str
    resource: str
    verb: str
    wide: bool = False

    @property
    def writes(self) -> bool:
        """Whether it changes anything."""
        return self.verb not in KUBE_READS


@dataclass(frozen=True, slots=True, order=True)
class AwsPermission:
    """One IAM action, such as ecs:UpdateService."""

    service: str
    action: str

    @property
    def writes(self) -> bool:
        """Whether it changes anything."""
        return not self.action.startswith(AWS_READS)

    @property
    def text(self) -> str:
        """As a policy writes it."""
        return f"{self.service}:{self.action}"


@dataclass(frozen=True, slots=True, order=True)
class SqlPermission:
    """One right in a database: SELECT on a view of the server's own, or EXECUTE of one of our functions."""

    object: str
    right: str


@dataclass(frozen=True, slots=True, order=True)
class JmxPermission:
    """One operation of an MBean, such as Memory gc; the access policy of the service's own door grants it."""

    mbean: str
    operation: str


def kube_permissions(texts: Iterable[str]) -> frozenset[KubePermission]:
    """Those of the permissions that Kubernetes grants; raises Permanent for a text of no known form."""
    return frozenset(one for text in texts if isinstance(one := permission_of(text), KubePermission))


def aws_permissions(texts: Iterable[str]) -> frozenset[AwsPermission]:
    """Those of the permissions that AWS grants; raises Permanent for a text of no known form."""
    return frozenset(one for text in texts if isinstance(one := permission_of(text), AwsPermission))


def permission_of(text: str) -> KubePermission | AwsPermission | SqlPermission | JmxPermission:
    """`k8s:GROUP:RESOURCE:VERB`, `iam:SERVICE:ACTION`, `sql:OBJECT:RIGHT`, `jmx:MBEAN:OPERATION`, or raises Permanent."""
    parts = text.split(":")
    if len(parts) == 4 and parts[0] in ("k8s", "k8s-wide") and all(parts[2:]) and "*" not in text:
        group, resource, verb = parts[1:]
        return KubePermission(group, resource, verb, wide=parts[0] == "k8s-wide")
    if len(parts) == 3 and parts[0] == "iam" and all(parts[1:]) and "*" not in text:
        return AwsPermission(*parts[1:])
    if len(parts) == 3 and parts[0] == "sql" and all(parts[1:]) and "*" not in text:
        return SqlPermission(*parts[1:])
    if len(parts) == 3 and parts[0] == "jmx" and all(parts[1:]) and "*" not in text:
        return JmxPermission(*parts[1:])
    forms = "k8s:GROUP:RESOURCE:VERB, iam:SERVICE:ACTION, sql:OBJECT:RIGHT or jmx:MBEAN:OPERATION"
    message = f"{text!r} is no permission of the form {forms}"
    raise Permanent(message)


def _of_actions() -> frozenset[str]:
    return frozenset(text for action in ACTIONS.values() for text in action.permissions)


def _of_readers() -> frozenset[str]:
    return frozenset(text for texts in READS.values() for text in texts)


# Role -> all that it is given.
HELD: Mapping[str, frozenset[str]] = MappingProxyType({READER: _of_readers(), EXECUTOR: _of_actions()})
