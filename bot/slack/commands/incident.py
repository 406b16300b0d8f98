"""/incident and its short form /inc: recorded, acknowledged; the words are read by the deciding loop."""

from slack_bolt.async_app import AsyncApp

from bot.slack.keeping import command
from bot.slack.listening import SlackPorts, listener

NAMES = ("/incident", "/inc")


def register(app: AsyncApp, ports: SlackPorts) -> None:
    """Listen for it."""
    for name in NAMES:
        app.command(name)(listener(ports, command))
