"""The Bolt app: its listeners, and the two ways in, Socket Mode or signed HTTP.

Who we are is read once at the start, so that no listener waits for a call to Slack before it acknowledges.
"""

from typing import Any

import structlog
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.authorization.async_authorize import AsyncAuthorize
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.errors import Retryable
from bot.slack.actions import approve, menu, order, reject, review, stop, undo
from bot.slack.commands import incident
from bot.slack.events import mention, message
from bot.slack.listening import UNREADABLE, SlackPorts, quiet_logger
from bot.slack.views import approve_review, new_incident, planned_event, regroup, standing_order, unfreeze

LISTENERS = (
    approve, reject, undo, stop, review, menu, incident, mention, message, approve_review, new_incident, planned_event, unfreeze,
    order, standing_order, regroup,
)  # fmt: skip
_log = structlog.get_logger()


class _Known(AsyncAuthorize):
    """Bolt calls a function in its place by looking up its parameters' names for each request."""

    def __init__(self, we: AuthorizeResult) -> None:
        self._we = we

    async def __call__(self, **_asked: Any) -> AuthorizeResult:
        """Who we are, whoever asks."""
        return self._we


def build_app(ports: SlackPorts) -> AsyncApp:
    """The app with every listener; a listener ends before its acknowledgement is sent."""
    we = AuthorizeResult(
        enterprise_id=None, team_id=ports.team, bot_token=ports.bot_token, bot_user_id=ports.bot_user
    )
    app = AsyncApp(
        logger=quiet_logger(),
        client=AsyncWebClient(base_url=_with_slash(ports.api_url)),
        authorize=_Known(we),
        process_before_response=True,
        # `http_mode.door` has verified the raw bytes; Bolt's own check takes future times and replays.
        request_verification_enabled=False,
        ssl_check_enabled=False,
        raise_error_for_unhandled_request=False,
    )
    app.error(_failed)
    for listener in LISTENERS:
        listener.register(app, ports)
    return app


def socket_handler(app: AsyncApp, ports: SlackPorts, app_token: str) -> AsyncSocketModeHandler:
    """Socket Mode over the same API address; the caller connects and closes it."""
    client = AsyncWebClient(token=app_token, base_url=_with_slash(ports.api_url))
    return AsyncSocketModeHandler(app, app_token, logger=quiet_logger(), web_client=client)


async def _failed(error: Exception) -> BoltResponse | None:
    """Bolt's last resort: without an acknowledgement Slack tells the person that it failed. No body is logged.

    What Slack may send again is a 503, what has another shape than Slack's a 400; only an error of ours is a 500.
    """
    if isinstance(error, Retryable):
        _log.warning("slack_request_not_durable", reason=str(error))
        return BoltResponse(status=503)
    if isinstance(error, UNREADABLE):
        _log.warning("slack_request_unreadable", kind=type(error).__name__)
        return BoltResponse(status=400)
    _log.error("listener_failed", kind=type(error).__name__, reason=str(error)[:300])
    return None


def _with_slash(url: str) -> str:
    return f"{url.rstrip('/')}/"
