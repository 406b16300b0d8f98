"""`watchkeeper worker`: the investigating process."""

import typer

from bot.settings import load
from bot.wiring.logs import configure
from bot.wiring.worker import run

app = typer.Typer(pretty_exceptions_enable=False)


@app.command()
def worker() -> None:
    """Run a worker: investigations, proposals, post-mortems."""
    configure("worker")
    run(load())
