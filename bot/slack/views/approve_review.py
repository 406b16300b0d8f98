"""The submitted review of a plan, the second way to approve: recorded, acknowledged."""

from slack_bolt.async_app import AsyncApp

from bot.blocks.ids import APPROVE_REVIEW
from bot.slack.keeping import submission
from bot.slack.listening import SlackPorts, listener


def register(app: AsyncApp, ports: SlackPorts) -> None:
    """Listen for it."""
    app.view(APPROVE_REVIEW)(listener(ports, submission))
