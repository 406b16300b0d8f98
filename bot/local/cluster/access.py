"""Who may do what: tokens, users and roles of the simulated cluster, as a token file and RBAC would say."""

import csv
import secrets
from dataclasses import dataclass
from pathlib import Path

from bot.domain import permissions
from bot.domain.permissions import HELD, kube_permissions
from bot.local.cluster.kinds import READ, Kind

ADMIN = "admin"
WORLD = "watchkeeper-world"
READER = "watchkeeper-reader"
EXECUTOR = "watchkeeper-executor"
USERS = (ADMIN, WORLD, READER, EXECUTOR)

# What the two identities of the product hold is what their shipped roles give them.
_HELD = {
    user: frozenset((one.group, one.resource, one.verb) for one in kube_permissions(HELD[role]))
    for user, role in ((READER, permissions.READER), (EXECUTOR, permissions.EXECUTOR))
}


@dataclass(frozen=True)
class Access:
    """The token table; `allows` is the authoriser."""

    users_by_token: dict[str, str]

    def user_of(self, authorization: str) -> str | None:
        """The user of an Authorization header, or None."""
        scheme, _, token = authorization.partition(" ")
        return self.users_by_token.get(token) if scheme.lower() == "bearer" else None

    def token_of(self, user: str) -> str:
        """The token of a known user."""
        return next(token for token, name in self.users_by_token.items() if name == user)


def allows(user: str, verb: str, group: str, resource: str) -> bool:
    """Whether the user's role holds the verb on the resource (`deployments` or `deployments/scale`)."""
    if user == ADMIN:
        return True
    if group == "authorization.k8s.io":
        return verb == "create"
    if user == WORLD:
        return verb in READ and resource.partition("/")[0] != "secrets"
    return (group, resource, verb) in _HELD.get(user, frozenset())


def verb_of(method: str, kind: Kind, name: str, *, watching: bool) -> str:
    """The RBAC verb of an HTTP method on a resource or a collection; empty where the resource has no such verb."""
    if method == "GET":
        verb = "watch" if watching else ("get" if name else "list")
    else:
        verb = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}.get(method, "")
    return verb if verb in kind.verbs else ""


def write_token_file(path: Path) -> Access:
    """Draw a token for each user and write them in the format of kube-apiserver's --token-auth-file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tokens = {secrets.token_urlsafe(24): user for user in USERS}
    with path.open("w", newline="", encoding="utf-8") as file:
        path.chmod(0o600)
        writer = csv.writer(file)
        for uid, (token, user) in enumerate(tokens.items()):
            writer.writerow([token, user, str(uid), "system:masters" if user == ADMIN else ""])
    return Access(tokens)
