"""The card's menu: recorded, acknowledged."""

from slack_bolt.async_app import AsyncApp

from bot.blocks.ids import MENU
from bot.slack.keeping import click
from bot.slack.listening import SlackPorts, listener


def register(app: AsyncApp, ports: SlackPorts) -> None:
    """Listen for it."""
    app.action(MENU)(listener(ports, click))
