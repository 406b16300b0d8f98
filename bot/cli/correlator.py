"""`watchkeeper correlator`: the correlating process."""

import typer

from bot.cli._starting import Wait, start
from bot.wiring.correlator import run

app = typer.Typer(pretty_exceptions_enable=False)


@app.command()
def correlator(wait: Wait = 0.0) -> None:
    """Run the correlator: alerts into incidents."""
    start("correlator", run, wait_s=wait)
