"""The Review button: recorded, acknowledged; the deciding loop opens the modal."""

import re

from slack_bolt.async_app import AsyncApp

from bot.blocks.ids import REVIEW
from bot.slack.keeping import click
from bot.slack.listening import SlackPorts, listener


def register(app: AsyncApp, ports: SlackPorts) -> None:
    """Listen for it."""
    app.action(re.compile(rf"^{REVIEW}:"))(listener(ports, click))
