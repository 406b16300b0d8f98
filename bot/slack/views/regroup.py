"""The submitted form that merges or splits: recorded, acknowledged."""

from slack_bolt.async_app import AsyncApp

from bot.blocks.ids import REGROUP
from bot.slack.keeping import submission
from bot.slack.listening import SlackPorts, listener


def register(app: AsyncApp, ports: SlackPorts) -> None:
    """Listen for it."""
    app.view(REGROUP)(listener(ports, submission))
