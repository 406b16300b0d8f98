"""Slack's refusals and broken connections in our error family, and whether the call may have happened."""

import http.client
import json
import socket
from collections.abc import Iterable
from urllib.error import URLError

from slack_sdk.errors import SlackApiError, SlackClientError

from bot.domain.errors import Permanent, Retryable, Undecided

BROKEN = (OSError, http.client.HTTPException, json.JSONDecodeError, UnicodeDecodeError, SlackClientError)
_TRANSIENT = {
    "internal_error",
    "fatal_error",
    "service_unavailable",
    "request_timeout",
    "team_added_to_org",
    "accesslimited",
}
_HINTS = {
    "channel_not_found": "check WATCHKEEPER_ALERTS_CHANNEL",
    "not_in_channel": "invite the app to the channel",
    "missing_scope": "add the scope from deploy/slack-manifest.json and reinstall the app",
    "invalid_auth": "check SLACK_BOT_TOKEN",
    "not_authed": "check SLACK_BOT_TOKEN",
    "token_revoked": "reinstall the app and set SLACK_BOT_TOKEN",
    "account_inactive": "reinstall the app and set SLACK_BOT_TOKEN",
}
# The bot is not where the person is.
_ABSENT = ("not_in_channel", "channel_not_found", "user_not_in_channel")


class NotThere(Permanent):
    """Slack refuses a place where the bot, or the person as it sees them, is no member."""


def code_of(error: SlackApiError) -> str:
    """Slack's word for what is wrong, or an empty string where the answer was not Slack's."""
    body = error.response.data if hasattr(error.response, "data") else error.response
    word = body.get("error", "") if isinstance(body, dict) else ""
    return word if isinstance(word, str) and " " not in word else ""


def details_of(error: SlackApiError) -> list[str]:
    """Slack's sentences about which blocks are wrong."""
    body = error.response.data if hasattr(error.response, "data") else error.response
    told = body.get("response_metadata", {}).get("messages") if isinstance(body, dict) else None
    return [str(line) for line in told] if isinstance(told, list) else []


def translated(method: str, error: SlackApiError, *, effect: bool) -> Retryable | Permanent | Undecided:
    """The error of an answered call. `effect` says that repeating it would be seen by people."""
    status = int(getattr(error.response, "status_code", 0) or 0)
    word = code_of(error)
    if status == 429 or word in ("ratelimited", "rate_limited"):
        return Retryable(f"{method}: Slack asks to wait", delay_s=_retry_after(error))
    if status >= 500 or word in _TRANSIENT or not word:
        message = f"{method}: Slack failed ({word or status or 'no readable answer'})"
        return Undecided(message) if effect else Retryable(message, delay_s=2.0)
    hint = f"; {_HINTS[word]}" if word in _HINTS else ""
    told = "".join(f"; {line}" for line in _first(details_of(error)))
    kind = NotThere if word in _ABSENT else Permanent
    return kind(f"{method}: {word}{hint}{told}")


def translated_break(method: str, error: BaseException, *, effect: bool) -> Retryable | Undecided:
    """The error of a call that got no answer."""
    reason = error.reason if isinstance(error, URLError) else error
    never_sent = isinstance(reason, ConnectionRefusedError | socket.gaierror)
    message = f"{method}: Slack did not answer ({type(reason).__name__}: {str(reason)[:120]})"
    if effect and not never_sent:
        return Undecided(message)
    return Retryable(message, delay_s=2.0)


def _retry_after(error: SlackApiError) -> float:
    headers = getattr(error.response, "headers", None) or {}
    for name, value in headers.items():
        if name.lower() == "retry-after":
            said = value[0] if isinstance(value, list) else value
            return float(said) if str(said).isdigit() else 1.0
    return 1.0


def _first(lines: Iterable[str]) -> list[str]:
    return list(lines)[:2]
