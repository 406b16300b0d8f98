"""`watchkeeper serve`: the web process."""

from bot.cli._starting import command
from bot.wiring.web import run

app = command("web", run, does="Run the web process: alert intake, Slack, the outbox.")
