"""Checks of the Slack side: tokens, scopes against the manifest, the socket, the channel, the group, the clock."""

import json
import time
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path

from slack_sdk.errors import SlackApiError

from bot.adapters.chat import slack as slack_chat
from bot.adapters.chat._slack_errors import BROKEN, code_of
from bot.domain.errors import WatchkeeperError
from bot.settings import Settings
from bot.wiring.doctor.finding import Finding, caught, failed, good, judged, warning
from bot.wiring.parts import SystemClock

MANIFEST = Path("deploy/slack-manifest.json")
_ROOT = Path(__file__).resolve().parents[3]
_WARN_S, _FAIL_S = 30.0, 120.0
_APP_FIX = (
    "Slack app settings, Basic Information, App-Level Tokens: one with connections:write as SLACK_APP_TOKEN"
)


def check_slack(settings: Settings) -> Iterator[Finding]:
    """Everything that the web process needs of Slack; one failed token ends the list."""
    token = settings.slack_bot_token.get_secret_value() if settings.slack_bot_token else ""
    if not token:
        fix = "create the app from deploy/slack-manifest.json, install it, set SLACK_BOT_TOKEN=xoxb-..."
        yield failed("slack", "no bot token", fix)
        return
    try:
        answer = slack_chat.web_client(settings.slack_api_url, token).api_call("auth.test")
    except SlackApiError as error:
        yield failed(
            "slack", f"auth.test: {code_of(error)}", "install the app again and copy SLACK_BOT_TOKEN"
        )
        return
    except BROKEN as error:
        fix = "let this machine reach slack.com over HTTPS, or correct SLACK_API_URL"
        yield failed("slack", f"{settings.slack_api_url} cannot be reached: {error}", fix)
        return
    yield good("slack", f"bot {answer.get('user')} in workspace {answer.get('team')}")
    headers = {str(name).lower(): str(value) for name, value in (answer.headers or {}).items()}
    yield from _scopes(headers)
    yield _clock(headers, time.time())
    yield from _socket(settings)
    yield from _channel(settings)
    yield from _group(settings)


def _scopes(headers: Mapping[str, str]) -> Iterator[Finding]:
    wanted = manifest_scopes()
    if not wanted:
        yield warning(
            "slack scopes", f"{MANIFEST} is not here, nothing to compare with", "run from the repository"
        )
        return
    missing = sorted(wanted - {scope.strip() for scope in headers.get("x-oauth-scopes", "").split(",")})
    if missing:
        fix = f"add to the app, then install it again: {', '.join(missing)}"
        yield failed("slack scopes", f"{len(missing)} of {len(wanted)} missing", fix)
        return
    yield good("slack scopes", f"all {len(wanted)} of the manifest are granted")


def manifest_scopes() -> frozenset[str]:
    """The bot scopes of the shipped manifest; empty where it is not at hand."""
    for path in (MANIFEST, _ROOT / MANIFEST):
        if path.is_file():
            return frozenset(json.loads(path.read_text())["oauth_config"]["scopes"]["bot"])
    return frozenset()


def _clock(headers: Mapping[str, str], now: float) -> Finding:
    """Signatures, expiries and leases lean on the clock; Slack's Date header is a second one."""
    date = headers.get("date", "")
    if not date:
        return warning("clock", "Slack sent no Date header to compare with", "keep the clock in step by NTP")
    skew = abs(now - parsedate_to_datetime(date).timestamp())
    text = f"{skew:.0f} s off Slack's"
    if skew > _FAIL_S:
        return failed("clock", text, "set the clock (timedatectl set-ntp true); approvals rest on it")
    return warning("clock", text, "timedatectl set-ntp true") if skew > _WARN_S else good("clock", text)


def _socket(settings: Settings) -> Iterator[Finding]:
    if settings.slack_mode == "http":
        present = settings.slack_signing_secret is not None
        fix = "copy SLACK_SIGNING_SECRET from the app's Basic Information"
        yield judged(
            "slack requests", present, "HTTP mode, signing secret " + ("set" if present else "missing"), fix
        )
        return
    token = settings.slack_app_token.get_secret_value() if settings.slack_app_token else ""
    if not token:
        yield failed("slack socket", "no app-level token", _APP_FIX)
        return
    try:
        slack_chat.web_client(settings.slack_api_url, token).api_call("apps.connections.open")
    except SlackApiError as error:
        yield failed("slack socket", f"apps.connections.open: {code_of(error)}", _APP_FIX)
    except BROKEN as error:
        yield failed("slack socket", str(error), "let this machine reach slack.com over HTTPS and WSS")
    else:
        yield good("slack socket", "Socket Mode can be opened")


def _channel(settings: Settings) -> Iterator[Finding]:
    name = settings.alerts_channel
    token = settings.slack_bot_token.get_secret_value() if settings.slack_bot_token else ""
    fix = f"create #{name}, then in it: /invite @watchkeeper; or set WATCHKEEPER_ALERTS_CHANNEL"
    try:
        channel = slack_chat.build(settings, SystemClock()).channel_id(name)
        client = slack_chat.web_client(settings.slack_api_url, token)
        inside = bool(
            client.api_call("conversations.info", params={"channel": channel})["channel"]["is_member"]
        )
    except WatchkeeperError as error:
        yield caught("alerts channel", error, fix)
        return
    except (SlackApiError, *BROKEN) as error:
        yield failed("alerts channel", str(error).splitlines()[0], fix)
        return
    text = f"#{name} exists, the bot is {'in it' if inside else 'not in it'}"
    yield judged("alerts channel", inside, text, f"in #{name}: /invite @watchkeeper")


def _group(settings: Settings) -> Iterator[Finding]:
    group = settings.approver_group
    fix = (
        f"create the user group @{group} and put the on-call engineers in; or set WATCHKEEPER_APPROVER_GROUP"
    )
    try:
        members = slack_chat.build(settings, SystemClock()).group_members(group)
    except WatchkeeperError as error:
        yield caught("approver group", error, fix)
        return
    yield judged("approver group", bool(members), f"@{group} has {len(members)} members", fix)
