"""Alerts that other apps post in a channel: the message of a configured app is kept as a raw body, like a webhook's.

Every other message is acknowledged and forgotten. A name can be worn by any app, an id cannot: prefer ids.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from slack_bolt.async_app import AsyncApp

from bot.slack.listening import Body, SlackPorts

_NEW = (None, "bot_message", "thread_broadcast")
_KEPT = ("text", "attachments", "blocks", "ts", "channel", "app_id", "bot_id", "username")
_LONGEST = 200_000


def register(app: AsyncApp, ports: SlackPorts) -> None:
    """Listen for it."""

    async def keep_alerts(ack: Callable[[], Awaitable[Any]], body: Body) -> None:
        event = body["event"]
        source = source_of(event, ports)
        if source:
            kept = {name: event[name] for name in _KEPT if name in event}
            raw = json.dumps(kept).encode()
            if len(raw) > _LONGEST:
                raw = json.dumps({name: kept[name] for name in kept if name != "blocks"}).encode()
            await ports.record_alert(f"event:{body['event_id']}"[:400], source, raw)
        await ack()

    app.event("message")(keep_alerts)


def source_of(event: Body, ports: SlackPorts) -> str:
    """The configured source of a new message by another app, or an empty string."""
    if event.get("subtype") not in _NEW or not event.get("bot_id"):
        return ""
    profile = event.get("bot_profile") or {}
    names = (event.get("app_id"), event.get("bot_id"), profile.get("name"), event.get("username"))
    return next((ports.alert_apps[str(name)] for name in names if str(name) in ports.alert_apps), "")
