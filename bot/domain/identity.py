"""Whose account clicked, and where: Slack's objects read strictly; a field that is absent counts against them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class IdentityKind(StrEnum):
    """What kind of account clicked; only a member may ever decide."""

    MEMBER = "member"
    DEACTIVATED = "deactivated"
    BOT = "bot"
    STRANGER = "stranger"
    GUEST = "guest"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Identity:
    """An account as Slack describes it now; `team` is the workspace that it belongs to."""

    user: str
    team: str
    kind: IdentityKind


UNREADABLE = Identity("", "", IdentityKind.UNREADABLE)


def identity_of(user: Mapping[str, Any]) -> Identity:
    """Read a Slack user object; a field that is absent counts against the account, never for it."""
    name, team = user.get("id"), user.get("team_id")
    if not isinstance(name, str) or not isinstance(team, str) or not name or not team:
        return UNREADABLE
    return Identity(name, team, _kind_of(name, user))


def ours_alone(channel: Mapping[str, Any]) -> bool:
    """Whether a Slack channel object positively says that no other workspace can read or use the channel."""
    pending = channel.get("is_pending_ext_shared", False)
    return channel.get("is_ext_shared") is False and pending is False


def _kind_of(name: str, user: Mapping[str, Any]) -> IdentityKind:
    if user.get("deleted") is not False:
        return IdentityKind.DEACTIVATED
    automatic = any(user.get(flag) for flag in ("is_workflow_bot", "is_connector_bot"))
    if user.get("is_bot") is not False or automatic or name == "USLACKBOT":
        return IdentityKind.BOT
    if user.get("is_stranger"):
        return IdentityKind.STRANGER
    restricted = (user.get("is_restricted"), user.get("is_ultra_restricted"))
    if restricted != (False, False) or user.get("is_invited_user"):
        return IdentityKind.GUEST
    return IdentityKind.MEMBER
