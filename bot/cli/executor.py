"""`watchkeeper executor`: the only process that changes production."""

import typer

from bot.cli._starting import Wait, start
from bot.wiring.executor import run

app = typer.Typer(pretty_exceptions_enable=False)


@app.command()
def executor(wait: Wait = 0.0) -> None:
    """Run the executor: it alone holds write credentials."""
    start("executor", run, wait_s=wait)
