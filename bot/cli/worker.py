"""`watchkeeper worker`: the investigating process."""

import typer

from bot.cli._starting import Wait, start
from bot.wiring.worker import run

app = typer.Typer(pretty_exceptions_enable=False)


@app.command()
def worker(wait: Wait = 0.0) -> None:
    """Run a worker: investigations, proposals, post-mortems."""
    start("worker", run, wait_s=wait)
