"""`watchkeeper serve`: the web process."""

import typer

from bot.settings import load
from bot.wiring.logs import configure
from bot.wiring.web import run

app = typer.Typer(pretty_exceptions_enable=False)


@app.command()
def serve() -> None:
    """Run the web process: alert intake, Slack, the outbox."""
    configure("web")
    run(load())
