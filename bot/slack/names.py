"""Names of people for messages in which Slack knows no mentions: the name that their workspace shows, or nothing."""

from collections.abc import Iterable, Mapping
from typing import Any

import structlog

from bot.domain.errors import WatchkeeperError
from bot.ports import Chat

_log = structlog.get_logger()


def names_of(chat: Chat, users: Iterable[str]) -> dict[str, str]:
    """User id to name; an account that Slack does not tell about is left out. Calls Slack: never in a transaction."""
    found = {}
    for user in sorted(set(users) - {""}):
        try:
            found[user] = _name(chat.user(user))
        except WatchkeeperError as error:
            _log.warning("name_unknown", user=user, reason=str(error))
    return {user: name for user, name in found.items() if name}


def _name(user: Mapping[str, Any]) -> str:
    profile = user.get("profile")
    shown = profile.get("display_name") if isinstance(profile, Mapping) else ""
    return str(shown or user.get("name") or user.get("real_name") or "")
