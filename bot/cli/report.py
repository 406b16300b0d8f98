"""`watchkeeper report`: the post-mortem of an incident as Markdown."""

import sys
from typing import Annotated

import typer

from bot.cli._opened import existing_store
from bot.domain.errors import Permanent
from bot.domain.postmortem import draft
from bot.ports import Transaction

app = typer.Typer(pretty_exceptions_enable=False)
_MOST = 10_000


@app.command()
def report(incident: Annotated[str, typer.Argument(help="Its name, like INC-1.")]) -> None:
    """Print the draft that was posted, or, while the incident is open, one made from its log so far."""
    with existing_store() as store:
        text = store.read(lambda tx: _text(tx, incident))
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")


def _text(tx: Transaction, name: str) -> str:
    number = name.upper().removeprefix("INC-")
    row = next((one for one in tx.all_incidents(limit=_MOST) if str(one.number) == number), None)
    folded = tx.incident(row.id) if row else None
    if row is None or folded is None:
        message = f"there is no incident {name}; name it like INC-1"
        raise Permanent(message)
    return tx.postmortem(row.id) or draft(folded, tx.events(row.id))
