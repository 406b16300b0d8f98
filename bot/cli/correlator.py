"""`watchkeeper correlator`: the correlating process."""

import typer

from bot.settings import load
from bot.wiring.correlator import run
from bot.wiring.logs import configure

app = typer.Typer(pretty_exceptions_enable=False)


@app.command()
def correlator() -> None:
    """Run the correlator: alerts into incidents."""
    configure("correlator")
    run(load())
