"""The forms of a standing order, drafting and signing, and of a tier that is raised: recorded, acknowledged; the gate decides later."""

from slack_bolt.async_app import AsyncApp

from bot.blocks.ids import ORDER_DRAFT, ORDER_REVIEW, TIER_RAISE
from bot.slack.keeping import submission
from bot.slack.listening import SlackPorts, listener


def register(app: AsyncApp, ports: SlackPorts) -> None:
    """Listen for all three."""
    for form in (ORDER_DRAFT, ORDER_REVIEW, TIER_RAISE):
        app.view(form)(listener(ports, submission))
