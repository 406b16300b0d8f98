"""`watchkeeper worker`: the investigating process."""

from bot.cli._starting import command
from bot.wiring.worker import run

app = command("worker", run, does="Run a worker: investigations, proposals, post-mortems.")
