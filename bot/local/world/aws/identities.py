"""The access keys of the simulated account, what each may do, and their credential files."""

from dataclasses import dataclass
from pathlib import Path

from bot.domain import permissions
from bot.domain.permissions import HELD, aws_permissions

ACCOUNT = "123456789012"
REGION = "eu-west-1"
CLUSTER = "production"


@dataclass(frozen=True)
class Identity:
    """One IAM user; `may` are the actions that its policy allows."""

    user: str
    access_key: str
    secret: str
    may: frozenset[str]


def _may(role: str) -> frozenset[str]:
    return frozenset(one.text for one in aws_permissions(HELD[role]))


READER = Identity(
    "watchkeeper-reader", "AKIAREADER0000000001", "demo-reader-not-a-secret", _may(permissions.READER)
)
EXECUTOR = Identity(
    "watchkeeper-executor",
    "AKIAEXECUTOR00000001",
    "demo-executor-not-a-secret",
    _may(permissions.EXECUTOR),
)
WORLD = Identity(
    "production-observer",
    "AKIAOBSERVER00000001",
    "demo-observer-not-a-secret",
    frozenset({"ecs:DescribeServices"}),
)
IDENTITIES = {identity.access_key: identity for identity in (READER, EXECUTOR, WORLD)}


def write_credentials(path: Path, identity: Identity) -> None:
    """Write an AWS shared credentials file with the profile `default`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(
        f"[default]\naws_access_key_id = {identity.access_key}\n"
        f"aws_secret_access_key = {identity.secret}\nregion = {REGION}\n",
        encoding="utf-8",
    )
