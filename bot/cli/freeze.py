"""`watchkeeper freeze`: forbid changes, for everything or one scope, until lifted or for a time; needs only the database."""

import time
from typing import Annotated

import typer

from bot.cli._switching import SCOPES, freeze_window, lift_windows, turn
from bot.domain.errors import Permanent
from bot.domain.freeze_words import window_of

app = typer.Typer(pretty_exceptions_enable=False)


@app.command()
def freeze(
    scope: Annotated[str, typer.Argument(help=f"What to freeze: {SCOPES}.")] = "tenant",
    lasts: Annotated[str, typer.Option("--for", help="How long from now: 30m, 2h, 3d.")] = "",
    starts: Annotated[str, typer.Option("--from", help="Start, as an ISO time (UTC).")] = "",
    ends: Annotated[str, typer.Option("--until", help="End, as an ISO time (UTC).")] = "",
    reason: Annotated[str, typer.Option("--reason", help="Why; shown to whoever is refused.")] = "",
    off: Annotated[
        bool, typer.Option("--off", help="Lift the switch and every window of this scope.")
    ] = False,
) -> None:
    """Forbid changes: approvals are refused and what runs stops. With a time, the freeze ends by itself."""
    now = time.time()
    try:
        window = window_of(lasts=lasts, starts=starts, ends=ends, now=now)
    except ValueError as error:
        raise Permanent(str(error)) from error
    if off:
        lift_windows(scope, now=now)
        turn(scope, on=False)
    elif window is None:
        turn(scope, on=True)
    else:
        freeze_window(scope, window, reason=reason, now=now)
