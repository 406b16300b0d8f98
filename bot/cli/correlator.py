"""`watchkeeper correlator`: the correlating process."""

from bot.cli._starting import command
from bot.wiring.correlator import run

app = command("correlator", run, does="Run the correlator: alerts into incidents.")
