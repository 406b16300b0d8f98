"""`watchkeeper serve`: the web process."""

import typer

from bot.cli._starting import Wait, start
from bot.wiring.web import run

app = typer.Typer(pretty_exceptions_enable=False)


@app.command()
def serve(wait: Wait = 0.0) -> None:
    """Run the web process: alert intake, Slack, the outbox."""
    start("web", run, wait_s=wait)
