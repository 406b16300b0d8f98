"""The Approve button: recorded, acknowledged; the gate decides later."""

import re

from slack_bolt.async_app import AsyncApp

from bot.blocks.ids import APPROVE
from bot.slack.keeping import click
from bot.slack.listening import SlackPorts, listener


def register(app: AsyncApp, ports: SlackPorts) -> None:
    """Listen for it."""
    app.action(re.compile(rf"^{APPROVE}:"))(listener(ports, click))
