"""`watchkeeper executor`: the only process that changes production."""

import typer

from bot.settings import load
from bot.wiring.executor import run
from bot.wiring.logs import configure

app = typer.Typer(pretty_exceptions_enable=False)


@app.command()
def executor() -> None:
    """Run the executor: it alone holds write credentials."""
    configure("executor")
    run(load())
