"""`watchkeeper executor`: the only process that changes production."""

from bot.cli._starting import command
from bot.wiring.executor import run

app = command("executor", run, does="Run the executor: it alone holds write credentials.")
