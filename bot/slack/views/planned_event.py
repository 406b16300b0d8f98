"""The submitted form of a planned event: recorded, acknowledged."""

from slack_bolt.async_app import AsyncApp

from bot.blocks.ids import PLANNED_EVENT
from bot.slack.keeping import submission
from bot.slack.listening import SlackPorts, listener


def register(app: AsyncApp, ports: SlackPorts) -> None:
    """Listen for it."""
    app.view(PLANNED_EVENT)(listener(ports, submission))
