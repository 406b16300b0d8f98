"""`watchkeeper freeze`: forbid changes ahead of time, for everything or one scope; needs only the database."""

from typing import Annotated

import typer

from bot.cli._switching import SCOPES, turn

app = typer.Typer(pretty_exceptions_enable=False)


@app.command()
def freeze(
    scope: Annotated[str, typer.Argument(help=f"What to freeze: {SCOPES}.")] = "tenant",
    off: Annotated[bool, typer.Option("--off", help="Lift it again.")] = False,
) -> None:
    """Forbid changes until lifted: approvals are refused and what runs stops. It is the same switch as `stop`."""
    turn(scope, on=not off)
