"""The buttons of a standing order, review and revoke: recorded, acknowledged; decided later."""

import re

from slack_bolt.async_app import AsyncApp

from bot.blocks.ids import ORDER_REVOKE, ORDER_SIGN
from bot.slack.keeping import click
from bot.slack.listening import SlackPorts, listener


def register(app: AsyncApp, ports: SlackPorts) -> None:
    """Listen for both."""
    app.action(re.compile(rf"^({ORDER_SIGN}|{ORDER_REVOKE}):"))(listener(ports, click))
