"""The Stop button: recorded, acknowledged; the deciding loop takes it first."""

import re

from slack_bolt.async_app import AsyncApp

from bot.blocks.ids import STOP
from bot.slack.keeping import click
from bot.slack.listening import SlackPorts, listener


def register(app: AsyncApp, ports: SlackPorts) -> None:
    """Listen for it."""
    app.action(re.compile(rf"^{STOP}:"))(listener(ports, click))
