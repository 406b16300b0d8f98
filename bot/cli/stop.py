"""`watchkeeper stop`: stop running plans before their next step; needs only the database."""

from typing import Annotated

import typer

from bot.cli._switching import SCOPES, turn

app = typer.Typer(pretty_exceptions_enable=False)


@app.command()
def stop(
    scope: Annotated[str, typer.Argument(help=f"What to stop: INC-7, {SCOPES}.")] = "tenant",
    off: Annotated[bool, typer.Option("--off", help="Lift it again.")] = False,
) -> None:
    """Stop everything, or one incident, service or action; holds until lifted, with Slack and Redis down too."""
    turn(scope, on=not off)
