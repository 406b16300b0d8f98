"""The submitted form of a new incident: recorded, acknowledged."""

from slack_bolt.async_app import AsyncApp

from bot.blocks.ids import NEW_INCIDENT
from bot.slack.keeping import submission
from bot.slack.listening import SlackPorts, listener


def register(app: AsyncApp, ports: SlackPorts) -> None:
    """Listen for it."""
    app.view(NEW_INCIDENT)(listener(ports, submission))
