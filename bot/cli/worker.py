"""`watchkeeper worker`: the investigating process."""

import bot.jobs  # noqa: F401 - by the parent, since the child of each job would else load it
from bot.cli._starting import command
from bot.wiring.worker import run

app = command("worker", run, does="Run a worker: investigations, proposals, post-mortems.")
