"""@watchkeeper in a channel or thread, where slash commands do not work: recorded, acknowledged."""

from slack_bolt.async_app import AsyncApp

from bot.slack.keeping import mention
from bot.slack.listening import SlackPorts, listener


def register(app: AsyncApp, ports: SlackPorts) -> None:
    """Listen for it."""
    app.event("app_mention")(listener(ports, mention))
